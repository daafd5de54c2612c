onionp2p key new web.key          # prints the address; a file that exists is never touched
onionp2p key show web.key         # prints it again, and on standard error whether it is encrypted
