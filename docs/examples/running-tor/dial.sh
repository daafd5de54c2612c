# docs/examples/running-tor/dial.sh
# The same tor reaches it; with socks=9050 instead, its control port is not needed.
exec twistd -n --pidfile= onionp2p ping --dial "onionp2p:dial:addr=$1:control=${CONTROL:-9051}"
