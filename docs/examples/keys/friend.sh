onionp2p client new my.key > my.public                           # Carol
onionp2p client invite friends carol --public "$(cat my.public)" # the owner
