# A socket that leads to a peer's onion: /onion3/…:4001, with /p2p/… or without.
exec onionp2p reach "$1" --at "unix:$PWD/peer.sock"
