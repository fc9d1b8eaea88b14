#!/bin/sh
# Writes NAME.packages for builder images, with the host's apt in a private
# state directory: the bootstrap of the bootstrap, before any builder exists to
# run apt in. Nothing of the host's package state is read or changed.
#
#   recipes/builders/first-lock.sh NAME...        bases before what stands on them
#
# It needs apt, gpgv and Debian's archive keyring. Afterwards
#   pbuild builder build NAME --write-lock
# builds the image, and writes NAME.lock and NAME.files.
set -eu
cd "$(dirname "$0")"
suite=bookworm
arch=amd64
keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
# The mirror comes from the host's own apt sources, unless MIRROR names one.
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' |
	awk -v s="$suite" '$2 == s && $3 == "main" && $4 == "Debian" {print $1; exit}')}
[ -n "$mirror" ] || { echo "first-lock: no apt source for $suite; set MIRROR" >&2; exit 1; }

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
mkdir -p "$state/lists/partial" "$state/archives/partial" "$state/etc/preferences.d" "$state/etc/apt.conf.d"
echo "deb [signed-by=$keyring arch=$arch] $mirror $suite main" > "$state/etc/sources.list"
: > "$state/status"
cat > "$state/apt.conf" <<CONF
Dir::Etc "$state/etc";
Dir::Etc::sourcelist "$state/etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::State "$state";
Dir::State::lists "$state/lists";
Dir::State::status "$state/status";
Dir::State::extended_states "$state/extended_states";
Dir::Cache "$state";
Dir::Cache::archives "$state/archives";
APT::Architecture "$arch";
APT::Architectures "$arch";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
export APT_CONFIG="$state/apt.conf" LC_ALL=C
apt-get -qq update
release=$(ls "$state"/lists/*_InRelease)

# show LIST: the index entry of each package in LIST (name, tab, version, …)
show() {
	apt-cache show --no-all-versions $(awk -F'\t' '{print $1 "=" $2}' "$1")
}

for builder in "$@"; do
	yaml=$builder.yaml
	base=$(sed -n 's/^base: *//p' "$yaml")
	# A list item begins with «- »; the names themselves may hold dashes.
	packages=$(sed -n '/^packages:/,$p' "$yaml" | sed -n 's/^ *- *\([a-z0-9][a-z0-9.+-]*\).*/\1/p')
	if [ -n "$base" ]; then
		show "$base.packages" | sed 's/^Package: .*/&\nStatus: install ok installed/' > "$state/status"
		want=$packages
	else
		: > "$state/status"
		want="?essential $packages"
	fi
	# shellcheck disable=SC2086
	apt-get -s install $want > "$state/plan"
	sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*/\1\t\2/p' "$state/plan" > "$state/list"
	show "$state/list" | awk -v OFS='\t' '
		/^[A-Za-z0-9-]+: / { value[substr($1, 1, length($1) - 1)] = $2 }
		/^$/ && ("Package" in value) {
			print value["Package"], value["Version"], value["Architecture"], value["SHA256"], value["Size"], value["Filename"]
			delete value
		}' | sort > "$state/packages"
	[ "$(wc -l < "$state/packages")" = "$(wc -l < "$state/list")" ] || { echo "first-lock: $builder: the index lacks a package" >&2; exit 1; }
	mv "$state/packages" "$builder.packages"
	cat > "$builder.lock" <<LOCK
# Made by pbuild; review, don't edit.
format: 1
suite: "$suite"
release:
  date: "$(date -u -d "$(sed -n 's/^Date: //p' "$release")" +%Y-%m-%dT%H:%M:%SZ)"
  inrelease: sha256:$(sha256sum < "$release" | cut -d' ' -f1)
packages: sha256:$(sha256sum < "$builder.packages" | cut -d' ' -f1)
LOCK
	echo "$builder: $(wc -l < "$builder.packages") packages, $(awk -F'\t' '{s += $5} END {print s}' "$builder.packages") bytes"
done
