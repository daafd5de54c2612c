exec twistd -n --pidfile= web --path "$1" \
  --listen "onionp2p:listen:port=80:key=$1.key:frontend=$FRONTEND"
