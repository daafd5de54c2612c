twistd -n --pidfile= onionp2p forward --listen onionp2p:listen:port=80:circuits=yes --dial unix:app.sock
