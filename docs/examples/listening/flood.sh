twistd -n --pidfile= web --path site \
  --listen onionp2p:listen:port=80:key=web.key:pow=auto:powrate=250:maxstreams=50:maxconnections=500
