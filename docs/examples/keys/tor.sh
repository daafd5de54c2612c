onionp2p key new web.key
onionp2p key export web.key --folder service         # for HiddenServiceDir: mode 0700, files 0600
onionp2p key import again.key --folder service       # one that tor made, too
onionp2p key export web.key --blob web.blob          # the line ED25519-V3:… of ADD_ONION
onionp2p key export web.key --blob - | onionp2p key import third.key --blob -
