cat >config.yaml <<END
services:
- key: front/hs_ed25519_secret_key
  instances:
  - address: $(onionp2p key show one.key)
  - address: $(onionp2p key show two.key)
END
exec onionbalance --config config.yaml --socket "" --port "$TOR_CONTROL_PORT" --is-testnet
