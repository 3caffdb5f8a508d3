# Every line that succeeds is a hole in the sandbox.
found=0
try() {
    if "$@" > /dev/null 2>&1; then
        echo "escape: $*"
        found=1
    fi
}
try test -w /
try test -w /etc/passwd
try test -w /usr/bin
try test -e /var/run/docker.sock
try test -r /etc/shadow
try test -r /proc/kcore
try test -w /proc/sys/kernel/hostname
try mount -t tmpfs none /tmp
try mknod /tmp/zero c 1 5
try unshare --user true
try unshare --net true
try chroot / true
try python3 -c "import socket; socket.create_connection(('1.1.1.1', 53), 2)"
try python3 -c "import socket; socket.getaddrinfo('example.org', 80)"
try grep -q "^CapEff:.*[1-9a-f]" /proc/self/status
try grep -q "^NoNewPrivs:.*0" /proc/self/status
try grep -q "^Seccomp:.*0" /proc/self/status
exit "$found"
