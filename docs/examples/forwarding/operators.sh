twistd -n --pidfile= onionp2p publish --target unix:app.sock \
  --listen onionp2p:listen:port=4001:key=app.key:clients=friends --status app.status
