onionp2p publish unix:app.sock --port 4001 --key app.key
