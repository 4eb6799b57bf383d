// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

const (
	// minPackages is how many packages a catalogue must have, so that machines can differ.
	minPackages = 3000
	// rolePackages is how many packages machines of one role have in common at least.
	rolePackages = 1700
	// fewestPackages and mostPackages are the bounds of what extras fill a machine up to.
	fewestPackages, mostPackages = 1900, 2110
)

// seeds are the packages that make a Linux machine what it is for; what a catalogue does not have is passed over.
// Shares are of 100 Linux machines, laptops of 100 machines of the role.
var seeds = []struct {
	role           string
	share, laptops int
	packages       string
	ports          []port
}{
	{
		role: "web", share: 24,
		ports: []port{{"tcp", 80, "nginx", "www-data"}, {"tcp", 443, "nginx", "www-data"}, {"tcp", 9000, "php-fpm8.2", "www-data"}},
		packages: `nginx apache2 php-fpm php-mysql php-gd php-curl php-xml php-mbstring php-intl certbot
			python3-certbot-nginx haproxy varnish redis-server memcached nodejs npm libapache2-mod-php goaccess imagemagick
			ffmpeg python3-django gunicorn uwsgi tomcat10 wordpress fail2ban`,
	},
	{
		role: "database", share: 10,
		ports: []port{{"tcp", 5432, "postgres", "postgres"}, {"tcp", 3306, "mariadbd", "mysql"}, {"tcp", 6379, "redis-server", "redis"}},
		packages: `postgresql postgresql-contrib postgresql-plperl-15 postgresql-plpython3-15 postgresql-15-postgis-3
			mariadb-server redis-server pgbouncer pgbackrest patroni etcd-server barman pgpool2 percona-toolkit slapd
			prometheus-postgres-exporter lvm2 mdadm`,
	},
	{
		role: "build", share: 8,
		ports: []port{{"tcp", 2375, "dockerd", "root"}, {"tcp", 3632, "distccd", "distccd"}},
		packages: `build-essential clang llvm cmake ninja-build meson autoconf automake libtool gdb valgrind git subversion
			mercurial openjdk-17-jdk maven gradle ant golang rustc cargo nodejs npm python3-dev python3-pip debhelper
			devscripts sbuild qt6-base-dev libgtk-3-dev libboost-all-dev docker.io ccache distcc doxygen`,
	},
	{
		role: "kubernetes", share: 20,
		ports: []port{{"tcp", 10250, "kubelet", "root"}, {"tcp", 10256, "kube-proxy", "root"}, {"tcp", 2379, "etcd", "etcd"}},
		packages: `containerd docker.io runc podman buildah skopeo etcd-client kubernetes-client ceph-common nfs-common
			open-iscsi multipath-tools glusterfs-client ipvsadm conntrack haproxy keepalived frr openvswitch-switch wireguard
			bpfcc-tools bpftrace linux-perf prometheus-node-exporter`,
	},
	{
		role: "desktop", share: 20, laptops: 70,
		ports: []port{{"tcp", 631, "cupsd", "root"}, {"udp", 5353, "avahi-daemon", "avahi"}},
		packages: `task-gnome-desktop gnome firefox-esr thunderbird libreoffice gimp inkscape vlc chromium task-laptop
			network-manager-gnome cups printer-driver-all git build-essential python3-pip emacs vim-gtk3 nodejs docker.io
			openjdk-17-jdk keepassxc evolution remmina virt-manager fonts-noto`,
	},
	{
		role: "gpu", share: 4,
		ports: []port{{"tcp", 6818, "slurmd", "root"}, {"tcp", 8888, "jupyter-lab", "nobody"}},
		packages: `clinfo ocl-icd-opencl-dev pocl-opencl-icd mesa-opencl-icd mesa-vulkan-drivers vulkan-tools python3-numpy
			python3-scipy python3-pandas python3-matplotlib python3-sklearn jupyter-notebook openmpi-bin libopenmpi-dev
			libhdf5-openmpi-dev slurmd gfortran libopenblas-dev python3-torch blender`,
	},
	{
		role: "mail", share: 4,
		ports: []port{{"tcp", 25, "master", "root"}, {"tcp", 587, "master", "root"}, {"tcp", 993, "dovecot", "root"}},
		packages: `postfix dovecot-imapd dovecot-pop3d dovecot-sieve spamassassin amavisd-new clamav-daemon rspamd opendkim
			opendmarc mailman3-full roundcube nginx mariadb-server postfix-mysql postgrey mutt procmail getmail6 redis-server
			certbot`,
	},
	{
		role: "minimal", share: 10,
		ports:    []port{{"udp", 123, "chronyd", "_chrony"}},
		packages: `openssh-server chrony sudo rsyslog unattended-upgrades curl vim htop tmux`,
	},
}

// onEvery is what machines of all roles have beside the base system.
const onEvery = "openssh-server sudo rsyslog unattended-upgrades curl chrony ca-certificates linux-image-amd64 grub-pc"

// portsOnEvery is what all Linux machines listen on, for administrators and meters.
var portsOnEvery = []port{{"tcp", 22, "sshd", "root"}, {"tcp", 9100, "node-exporter", "nobody"}}

// linuxLine builds the Linux machines' roles from a catalogue.
func linuxLine(c *Catalogue) (line, error) {
	l := line{platform: "LINUX", goods: c.goods, low: fewestPackages, high: mostPackages, perDay: 4}
	base := c.base()
	for _, s := range seeds {
		r := role{name: s.role, share: s.share, laptops: s.laptops, ports: slices.Concat(portsOnEvery, s.ports)}
		r.products = newSelection(c.goods)
		r.products.start(base)
		c.seed(r.products, s.packages)
		r.products.fill(dieOf(s.role), rolePackages)
		var err error
		if r.standing, err = linuxStanding(r.name); err != nil {
			return line{}, fmt.Errorf("role %s: %w", r.name, err)
		}
		l.roles = append(l.roles, r)
	}
	return l, nil
}

// base selects the base system: packages of the priorities required, important and standard.
func (c *Catalogue) base() *selection {
	base := newSelection(c.goods)
	for i := range c.packages {
		switch c.packages[i].priority {
		case "required", "important", "standard":
			base.add(int32(i), math.MaxInt)
		}
	}
	c.seed(base, onEvery)
	return base
}

// seed adds packages by name, with what they depend on.
func (c *Catalogue) seed(to *selection, names string) {
	for name := range strings.FieldsSeq(names) {
		if p, ok := c.byName[name]; ok {
			to.add(p, math.MaxInt)
		}
	}
}
