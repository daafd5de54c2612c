# Any program that speaks SOCKS5: here curl fetches from a web server behind an onion.
set -e
folder=$(mktemp -d)
echo "hello from an onion" >"$folder/index.html"
twistd -n --pidfile= web --path "$folder" --listen onionp2p:listen:port=80 >"$folder/log" 2>&1 &
trap 'kill $!; wait; rm -r "$folder"' EXIT
until address=$(grep -so '[a-z2-7]\{56\}' "$folder/log" | head -n 1) && [ -n "$address" ]; do sleep 0.2; done
curl --silent --retry 9 --retry-all-errors \
    --socks5-hostname "$TOR_SOCKS_HOST:$TOR_SOCKS_PORT" "http://$address.onion/index.html"
