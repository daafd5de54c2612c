onionp2p key new web.key
onionp2p client invite friends alice --key web.key --port 80    # alice.invitation: send it to her, secretly
twistd -n --pidfile= web --listen onionp2p:listen:port=80:key=web.key:clients=friends --path site
