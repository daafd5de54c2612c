onionp2p key new front.key                      # prints the address that people dial
onionp2p key export front.key --folder front    # for Onionbalance: front/hs_ed25519_secret_key
onionp2p key new one.key                        # on the first machine
onionp2p key new two.key                        # on the second
