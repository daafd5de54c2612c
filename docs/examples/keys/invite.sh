onionp2p key new web.key
onionp2p client invite friends alice --key web.key --port 80     # writes alice.invitation
onionp2p client invite friends bob --key web.key --port 80 --qr  # a QR code, and no file
onionp2p client list friends
onionp2p client revoke friends bob
