# From a package to the first promoted release, with Debian's Nginx and an app without /health; then away with all of it.
set -eu
cd /root
dpkg -i canary.deb
canary version
man -w canary
test -s /usr/share/bash-completion/completions/canary
test "$(stat -c %U:%a /etc/nginx/canary /run/canary /var/lib/canary | tr '\n' ' ')" = "canary:755 canary:755 canary:750 "

for version in 1 2; do
  mkdir -p /srv/v$version
  echo "hello from v$version" >/srv/v$version/index.html
  python3 -m http.server 900$version --bind 127.0.0.1 --directory /srv/v$version >/dev/null 2>&1 &
done
cat >/etc/nginx/sites-enabled/default <<'END'
server {
    listen 80 default_server;
    location / {
        proxy_set_header Host $host;
        proxy_pass http://127.0.0.1:9001;
    }
}
END
nginx
for try in $(seq 100); do
  [ "$(curl -s http://127.0.0.1/ || true)" != "hello from v1" ] || break
  sleep 0.1
done

canary init shop --new 127.0.0.1:9002 | tee said
# What it says, done.
sed -i 's|^http {|&\n    include /etc/nginx/canary/*.conf;|' /etc/nginx/nginx.conf
canary check && canary apply
sed -i -e 's|location / {|&\n        include /etc/nginx/canary/shop.location;|' -e '/proxy_pass/d' /etc/nginx/sites-enabled/default
nginx -t && nginx -s reload
canary check
while sleep 0.05; do curl -s -o /dev/null http://127.0.0.1/; done &
load=$!
canary promote shop --release v2 &
promote=$!
for stage in 1 2 3; do
  until canary status shop | grep -q "stage $stage of 3.*left"; do sleep 0.2; done
  # A verdict first, then the next stage without waiting for the rest of its half minute.
  until canary status shop --json | grep -q '"value": 0'; do sleep 0.2; done
  canary advance shop
done
wait $promote
test "$(curl -s http://127.0.0.1/)" = "hello from v2"

# A rollout that runs goes back before the program goes.
mkdir -p /srv/v3 && echo "hello from v3" >/srv/v3/index.html
canary promote shop --release v1 --detach
until canary status shop | grep -q "stage 1 of 3.*left"; do sleep 0.2; done
dpkg -r canary
kill $load
for try in $(seq 50); do test "$(curl -s http://127.0.0.1/)" = "hello from v2"; done
test ! -e /usr/bin/canary
test -e /etc/canary/canary.json5
nginx -t
dpkg -P canary
test ! -e /etc/canary && test ! -e /var/lib/canary && test ! -e /etc/logrotate.d/canary
# What Nginx serves by is left to whoever runs it.
nginx -t
test "$(curl -s http://127.0.0.1/)" = "hello from v2"
echo "all of it"
