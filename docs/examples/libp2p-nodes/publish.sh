# The onion that leads to the node. Its key is made at the first start, and kept.
exec onionp2p publish "unix:$PWD/node.sock" --port 4001 --key onion.key
