onionp2p key new my.key                                            # prints its address
onionp2p client invite friends alice --key my.key --port 7777      # alice.invitation
echo "User nobody" >more
cat "$ONIONP2P_TORRC" more >lines                                  # how to join the private network, and more
