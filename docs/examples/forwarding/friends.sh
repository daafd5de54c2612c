twistd -n --pidfile= onionp2p reach --at unix:friend.sock --warm 120 \
  --dial "onionp2p:dial:addr=$1:auth=alice.invitation"
