onionp2p client new my.key > my.public                           # Alice
onionp2p client invite friends alice --public "$(cat my.public)" # the owner
