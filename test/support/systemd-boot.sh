# A systemd that is pid 1 of namespaces of its own: test/support/systemd.ts. Nothing of what it mounts, writes or starts is
# seen outside, but for its cgroup ($1). $2: the folder of the project, $3: Node.
set -e
project=$(realpath "$2") node=$(realpath "$3")
umount -R /sys
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/bin /run/autoup /run/lib/sysinit.target.wants
touch /run/bin/node
mount --bind "$project" /run/autoup
mount --bind "$node" /run/bin/node
printf '#!/bin/sh\nexec /run/bin/node /run/autoup/dist/bin/autoup.js "$@"\n' > /run/bin/autoup
chmod 755 /run/bin/autoup
cp /etc/passwd /etc/group /run/
grep -q '^app:' /run/passwd || {
  echo 'app:x:990:990::/nonexistent:/usr/sbin/nologin' >> /run/passwd
  echo 'app:x:990:' >> /run/group
}
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
for folder in /var/lib /var/log /etc/systemd/system /dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
mkdir -p /var/log/journal /dev/pts /dev/shm
while read -r name major minor; do mknod -m 666 /dev/$name c $major $minor; done << 'DEVICES'
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
DEVICES
ln -s /proc/self/fd /dev/fd
mount -t tmpfs tmpfs /dev/shm
# The units of a machine that has nothing to boot.
units=/usr/lib/systemd/system
for name in basic sysinit shutdown sockets multi-user network-online umount final timers paths slices local-fs; do
  ln -s $units/$name.target /run/lib/
done
for name in .service .socket -dev-log.socket; do ln -s $units/systemd-journald$name /run/lib/; done
ln -s $units/systemd-journald.service /run/lib/sysinit.target.wants/
export SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/lib
exec /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=console --log-level=info
