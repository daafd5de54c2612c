exec onionp2p ping "onionp2p:dial:addr=$1:torrc=bridges.torrc" -c 3
