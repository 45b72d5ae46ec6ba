#!/bin/bash
# docs/operating/hosts.md by hand: two hosts and a laptop, each a plain Debian root with the package, founded in team mode
# over TLS. Called by `cargo x accept hosts` as root, in mount, network and process namespaces that end with it.
#
#   walk.sh DIR PACKAGE    DIR/base is a root; DIR/server, DIR/other and DIR/laptop are made of it
set -euo pipefail
cd "$1"
package=$2

# Runs a command on a host. The host's root is the root of a mount namespace, because runners enclose steps in a way that
# chroot(2) forbids.
on() {
    local host=$1
    shift
    ip netns exec "$host" unshare --mount --propagation private sh -c '
        cd "$1"; shift
        mount --bind . .; cd "$PWD"
        mount -t proc proc proc; mount --rbind /dev dev; mount -t sysfs sysfs sys; mount -t tmpfs tmpfs run
        mkdir -p .old; pivot_root . .old
        exec chroot . sh -c "umount -l /.old; cd /; exec \"\$@\"" sh "$@"' sh "$PWD/$host" "$@" </dev/null
}

# The same as a user, in the user's directory.
as() {
    local host=$1 user=$2
    shift 2
    echo "[$user@$host] $*" >&2
    on "$host" timeout 300 su "$user" -s /bin/sh -c "set -e; cd; export COUNTERSIGN_DATA=/var/lib/countersign/data; $*"
}

person() {
    as laptop "$1" "unset COUNTERSIGN_DATA; cd ${3:-.}; $2"
}

fail() {
    echo "the walk failed: $*" >&2
    exit 1
}
trap 'if [ $? -ne 0 ]; then tail -n 5 log.* >&2 || true; fi' EXIT

# Waits for a text in a file, at most a minute.
await() {
    for _ in $(seq 300); do
        if grep -q -- "$1" "$2"; then return; fi
        sleep 0.2
    done
    fail "no \`$1\` in $2"
}

# Starts what ExecStart of a unit says, as its user and with its capabilities: there is no systemd in such a root.
unit() {
    local host=$1 unit=$2 name=${3:-} file line options=
    file=$host/usr/lib/systemd/system/$unit.service
    field() { sed -n "s/^$1=//p" "$file" | sed "s/%i/$name/g" | sed -n '$p'; }
    capabilities() { local all=-all one; for one in $1; do one=${one#CAP_}; all="$all,+${one,,}"; done; echo "$all"; }
    while read -r line; do
        if [ -e "$host$line" ]; then options=$(. "$host$line"; echo "$OPTIONS"); fi
    done < <(sed -n "s/^EnvironmentFile=-\?//p" "$file" | sed "s/%i/$name/g")
    local user start given bound
    user=$(field User) start=$(field ExecStart)
    given=$(capabilities "$(field AmbientCapabilities)") bound=$(capabilities "$(field CapabilityBoundingSet)")
    echo "[unit $unit$name on $host] ${start/\$OPTIONS/$options}" >&2
    : >"log.$host.$unit$name"
    on "$host" sh -c "echo \$\$ >/root/$unit$name.pid; cd $(field WorkingDirectory); umask 0077; exec setpriv --reuid $user --regid $user --init-groups \
        --no-new-privs --inh-caps $given --ambient-caps $given --bounding-set $bound \
        env -i LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin HOME=/var/lib/$user USER=$user ${start/\$OPTIONS/$options}" \
        >"log.$host.$unit$name" 2>&1 &
    await "answers at\|asks the server at" "log.$host.$unit$name"
}

# Ends a unit, and waits until it has ended.
stop() {
    local process
    process=$(<"$1/root/$2.pid")
    kill "$process"
    for _ in $(seq 300); do
        if ! kill -0 "$process" 2>/dev/null; then return; fi
        sleep 0.2
    done
    fail "$2 on $1 does not end"
}

options() {
    printf 'OPTIONS="%s"\n' "$3" >"$1/etc/countersign/$2.env"
}

# Hosts.
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add hub type bridge
ip link set hub up
number=0
for host in server other laptop; do
    number=$((number + 1))
    ip netns add $host
    ip link add to-$host type veth peer name eth0 netns $host
    ip link set to-$host master hub up
    ip -n $host link set lo up
    ip -n $host address add 10.77.0.$number/24 dev eth0
    ip -n $host link set eth0 up
    cp -a base $host
    printf '127.0.0.1 localhost\n10.77.0.1 server.example\n10.77.0.2 other.example\n' >$host/etc/hosts
    cp "$package" $host/root/countersign.deb
    on $host dpkg -i /root/countersign.deb
done

# People and their project.
for name in alice bob; do
    on laptop useradd -m $name
    person $name "mkdir -m 700 .ssh; for key in id_ed25519 id_sign_in; do ssh-keygen -q -t ed25519 -N '' -f .ssh/\$key; done
        git config --global user.name $name; git config --global user.email $name@example.com
        git config --global gpg.format ssh; git config --global commit.gpgsign true
        git config --global user.signingkey ~/.ssh/id_sign_in.pub; git config --global init.defaultBranch main"
done
on laptop install -d -o alice /srv/shop
cat >laptop/srv/shop/server.py <<'P'
import http.server, os

class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"shop 1\n")

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Shop).serve_forever()
P
person alice "git init -q; git add .; git commit -q -m shop" /srv/shop

# Step 1.
line() { as "$@" | sed -n 1p; }
home=/var/lib/countersign
build_1=$(line server countersign-runner "countersign runner key --data $home-runner/build-1 --name build-1 --host server")
build_2=$(line other countersign-runner "countersign runner key --data $home-runner/build-2 --name build-2 --host other")
witness=$(line other countersign-witness "countersign witness key --data $home-witness/witness --host other")
dev=$(line server countersign-agent "countersign agent key --data $home-agent/dev --name dev-1 --host server")
staging=$(line server countersign-agent "countersign agent key --data $home-agent/staging --name staging-1 --host server")
production=$(line other countersign-agent "countersign agent key --data $home-agent/production --name prod-1 --host other")

# Step 2.
{
    separator='['
    for name in alice bob; do
        printf '%s{"name":"%s","emails":["%s@example.com"],"key":"%s","sign_in_key":"%s","roles":["developer","release-manager"]}' \
            "$separator" $name $name "$(<laptop/home/$name/.ssh/id_ed25519.pub)" "$(<laptop/home/$name/.ssh/id_sign_in.pub)"
        separator=,
    done
    echo ']'
} >server$home/people.json
cp -r laptop/srv/shop server$home/shop
on server chown -R countersign: $home/shop
as server countersign "countersign init --mode team --people people.json --host server --runner '$build_1' --runner '$build_2' \
    --witness '$witness' --agent 'shop/shop/production=$production' --agent 'shop/shop/staging=$staging' \
    --agent 'shop/shop/dev=$dev' --repository $home/shop --command 'python3 server.py'"
cp -r server$home/shop/.countersign laptop/srv/shop/
on laptop chown -R alice: /srv/shop
person alice "git add .; git commit -q -m 'how it is built and released'" /srv/shop
for host in server other; do cp -a laptop/srv/shop $host/srv/; done

# Steps 3 and 4.
for name in alice bob; do
    cp server$home/data.founding/founding.json laptop/home/$name/
    on laptop chown $name /home/$name/founding.json
    person $name "countersign trust sign founding.json --show >/dev/null; countersign trust sign founding.json --yes >/dev/null"
    cp laptop/home/$name/founding.json server$home/founding-$name.json
    on server chown countersign $home/founding-$name.json
done
pin=$(as server countersign "countersign init --continue founding-alice.json founding-bob.json" | sed -n 's/^pin: //p')

# Step 5.
as server countersign "countersign trust root --out root.json"
cp server$home/root.json other$home-witness/
on other chown countersign-witness $home-witness/root.json
as other countersign-witness "countersign witness join --data witness --pin $pin --trust-root root.json"
options other witness "--tls 0.0.0.0:8443"
unit other countersign-witness

# Step 6.
options server server "--listen 127.0.0.1:7411 --tls 0.0.0.0:8443 --address https://server.example:8443 --witness https://other.example:8443"
unit server countersign-server
pin=$(as server countersign "countersign trust pin" | grep -o 'cs2\.[A-Za-z0-9_-]*')

# Step 7.
as server countersign-runner "countersign runner join --data build-1 --pin $pin"
as other countersign-runner "countersign runner join --data build-2 --pin $pin"
as server countersign-agent "countersign agent join --data dev --place shop/shop/dev --pin $pin"
as server countersign-agent "countersign agent join --data staging --place shop/shop/staging --pin $pin"
as other countersign-agent "countersign agent join --data production --place shop/shop/production --pin $pin"
options other agent "--service-user countersign-service --witness https://other.example:8443"
unit server countersign-runner@ build-1
unit other countersign-runner@ build-2
unit server countersign-agent@ dev
unit server countersign-agent@ staging
unit other countersign-agent@ production

# Step 8.
for name in alice bob; do
    person $name "countersign key use $pin --key ~/.ssh/id_ed25519 --sign-in-key ~/.ssh/id_sign_in"
done

# Step 9: the commit reaches production, where the service answers.
answers() {
    local port answer=
    for _ in $(seq 120); do
        port=$(ip netns exec other ss -Hltnp | sed -n 's/.*127\.0\.0\.1:\([0-9]*\) .*"python3".*/\1/p')
        answer=$(on other python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:$port').read().decode())" 2>&1) || true
        if [ "$answer" = "$1" ]; then return; fi
        sleep 0.5
    done
    fail "production answers \`$answer\`"
}

person alice "countersign run" /srv/shop
person bob "countersign approve --yes --reason 'read it'"
person alice "countersign promote" /srv/shop
answers "shop 1"

# Stopping: a freeze while the server is down, known to it afterwards.
person alice "countersign trust status --witness https://other.example:8443 --yes"
stop server countersign-server
person alice "countersign freeze shop/shop/production --yes"
await "came from the witness" log.other.countersign-agent@production
unit server countersign-server
person alice "countersign status; countersign trust status --save status.json; countersign trust send status.json"

# Nothing is released until two people have lifted it.
sed -i 's/shop 1/shop 2/' laptop/srv/shop/server.py
person alice "git commit -q -a -m 'shop 2'" /srv/shop
for host in server other; do rm -r $host/srv/shop; cp -a laptop/srv/shop $host/srv/; done
person alice "countersign run" /srv/shop
person bob "countersign approve --yes --reason 'read it'"
if person alice "countersign promote" /srv/shop; then fail "a frozen place takes a release"; fi
answers "shop 1"
person alice "countersign unfreeze shop/shop/production --yes --out lifted.json"
cp laptop/home/alice/lifted.json laptop/home/bob/
on laptop chown bob /home/bob/lifted.json
person bob "countersign trust sign lifted.json --yes; countersign trust send lifted.json"
answers "shop 2"
for _ in $(seq 60); do
    if person alice "countersign status" | grep -q "production: runs release 2"; then break; fi
    sleep 1
done

# The package again, without it, and again: options and data stay, a purge takes the options.
stop server countersign-server
entries() { on server find /var/lib/countersign -printf '%p %m %u %g %s\n' | sort; }
before=$(entries) options=$(<server/etc/countersign/server.env)
on server dpkg -i /root/countersign.deb
[ "$(<server/etc/countersign/server.env)" = "$options" ] || fail "an upgrade changed options"
on server dpkg --remove countersign
[ ! -e server/usr/bin/countersign ] || fail "the program stays when the package goes"
[ "$(<server/etc/countersign/server.env)" = "$options" ] || fail "options go when the package does"
on server dpkg --purge countersign
[ ! -e server/etc/countersign ] || fail "options stay when the package is purged"
on server dpkg -i /root/countersign.deb
[ "$(entries)" = "$before" ] || fail "the package changed data"
printf '%s\n' "$options" >server/etc/countersign/server.env
unit server countersign-server
person alice "countersign status" | grep "production: runs release 2"
echo "the walk is done" >&2
