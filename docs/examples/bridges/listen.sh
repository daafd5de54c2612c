export ONIONP2P_TORRC="$PWD/bridges.torrc"
exec twistd -n --pidfile= onionp2p ping --listen onionp2p:listen:port=7777:key=ping.key
