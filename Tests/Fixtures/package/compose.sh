# Dify's compose example, with a mount namespace in the place of the container of Nginx and nsenter in that of docker.
set -eu
cd /root
dpkg -i canary.deb >/dev/null
ip addr add 172.17.0.1/32 dev lo
for version in 1 2; do
  mkdir -p /srv/v$version
  echo "dify $version" >/srv/v$version/index.html
  python3 -m http.server $((4991 + 10 * version)) --bind 172.17.0.1 --directory /srv/v$version >/dev/null 2>&1 &
done

# The container: files of its own but for the three folders of compose.override.yaml.
install -d -m 1777 /var/log/canary-nginx
cp -a /etc/nginx /srv/nginx
mkdir -p /srv/nginx/canary
rm -rf /etc/nginx/nginx.conf /etc/nginx/conf.d /etc/nginx/sites-enabled
cat >/srv/nginx/nginx.conf <<'END'
worker_shutdown_timeout 5s;
events {}
http {
    include /etc/nginx/canary/*.conf;
    include /etc/nginx/conf.d/*.conf;
}
END
cat >/srv/nginx/conf.d/default.conf <<'END'
server {
    listen 80;
    location / {
        proxy_set_header Host $host;
        proxy_pass http://172.17.0.1:5001;
    }
}
END
cat >/srv/inside.sh <<'END'
mkdir /mnt/shared
mount --bind /etc/nginx/canary /mnt/shared
mount --bind /srv/nginx /etc/nginx
mount --bind -o ro /mnt/shared /etc/nginx/canary
echo $$ >/srv/pid
exec nginx -g 'daemon off;'
END
unshare --mount --propagation private bash /srv/inside.sh &
cat >/usr/local/bin/docker <<'END'
#!/bin/sh
[ "$1 $2" = "exec docker-nginx-1" ] || exit 125
shift 2
exec nsenter --target "$(cat /srv/pid)" --mount --root --wd=/ -- "$@"
END
chmod +x /usr/local/bin/docker
PATH=/usr/local/bin:$PATH
for try in $(seq 100); do
  [ "$(curl -s http://127.0.0.1/ || true)" != "dify 1" ] || break
  sleep 0.1
done

mkdir -p /etc/canary
cp /usr/share/doc/canary/examples/dify-compose/canary.json5 /etc/canary/
# These stand-ins have no /health.
sed -i 's|plan: "try",|plan: "try", health: "/",|' /etc/canary/canary.json5
canary check
canary apply
# As `canary init --dump -` says it, in the container's own file.
sed -i -e 's|location / {|&\n        include /etc/nginx/canary/dify.location;|' -e '/proxy_pass/d' /srv/nginx/conf.d/default.conf
docker exec docker-nginx-1 nginx -t
docker exec docker-nginx-1 nginx -s reload
while sleep 0.05; do curl -s -o /dev/null -H "Cookie: who=$RANDOM" http://127.0.0.1/; done &
canary promote dify --release 1.11.1 --detach
for stage in 1 2 3; do
  until canary status dify | grep -q "stage $stage of 3.*left"; do sleep 0.2; done
  until canary status dify --json | grep -q '"value": 0'; do sleep 0.2; done
  canary advance dify
done
until canary status dify | grep -q PROMOTED; do sleep 0.2; done
test "$(curl -s http://127.0.0.1/)" = "dify 2"
canary revert dify
test "$(curl -s http://127.0.0.1/)" = "dify 1"
echo "all of it"
