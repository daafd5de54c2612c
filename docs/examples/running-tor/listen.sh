# docs/examples/running-tor/listen.sh
# An onion of the tor whose ControlPort is 9051.
exec twistd -n --pidfile= onionp2p ping --listen "onionp2p:listen:port=7777:control=${CONTROL:-9051}"
