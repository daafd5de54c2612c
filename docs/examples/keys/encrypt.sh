onionp2p key new web.key
echo 'correct horse battery staple' > passphrase     # your password manager, rather
onionp2p key encrypt web.key --passphrase-fd 3 3< passphrase
onionp2p key show web.key                            # needs no passphrase
export ONIONP2P_KEY_PASSPHRASE="$(cat passphrase)"   # as a listener with key=web.key needs it
onionp2p key decrypt web.key
onionp2p key new second.key                          # encrypted from the first: a passphrase is there
