# docs/examples/running-tor/asked.sh
# Attach to an onion of tor's own torrc; tor is asked where it delivers.
exec twistd -n --pidfile= onionp2p ping --listen "onionp2p:listen:addr=$1:control=${CONTROL:-9051}"
