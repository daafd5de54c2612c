listen() { python "$EXAMPLES/listen.py" "onionp2p:listen:$1"; }      # echoes, and says who comes
dial() { python "$EXAMPLES/dial.py" "onionp2p:dial:$1" "${2-1}"; }   # connects so many times
MY=$(onionp2p key show my.key 2>/dev/null)
