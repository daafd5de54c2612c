onionp2p reach "$1" --at unix:friend.sock
