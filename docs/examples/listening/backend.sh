twistd -n --pidfile= web --path site --listen onionp2p:listen:port=80:key=backend.key:frontend="$FRONTEND"
