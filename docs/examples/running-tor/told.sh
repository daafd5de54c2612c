# docs/examples/running-tor/told.sh
# The same, told where: no control port is needed at all.
exec twistd -n --pidfile= onionp2p ping --listen "onionp2p:listen:addr=$1:target=tcp\:127.0.0.1\:$2"
