# Run in the sandbox, in a directory that holds *.spec, readme and rpm.tar.xz.
# Makes packages from specs, takes others out of rpm's own sources, and writes
# down what rpm says of each: rpms/NAME.rpm, said/NAME.rpm.PART.
set -eu
mkdir rpms said
rpmbuild -ba --nodeps --define "_topdir $PWD/top" --define "_sourcedir $PWD" odd.spec nosource.spec >log 2>&1 || {
	cat log >&2
	exit 1
}
find top -name '*.rpm' -exec mv {} rpms/ ';'
tar -xJf rpm.tar.xz --wildcards 'rpm-*/tests/data/*RPMS/*.rpm'
mv rpm-*/tests/data/*RPMS/*.rpm rpms/
cd rpms
ask() {
	part=$1
	shift
	rpm -qp --nosignature "$@" "$f" >"../said/$f.$part"
}
for f in *.rpm; do
	if ! rpm -K --nosignature "$f" >/dev/null; then
		: >"../said/$f.damaged"
		continue
	fi
	ask head --qf '%{NAME}\n%|EPOCH?{%{EPOCH}}|\n%{VERSION}\n%{RELEASE}\n%{ARCH}\n%{EVR}\n%|SOURCERPM?{false}:{true}|\n%{NAME}-%{VERSION}-%{RELEASE}%{ARCHSUFFIX}.rpm\n%{SUMMARY}\n'
	ask relations --qf '[requires %{REQUIRENEVRS} %{REQUIREFLAGS}\n][provides %{PROVIDENEVRS} %{PROVIDEFLAGS}\n][conflicts %{CONFLICTNEVRS} %{CONFLICTFLAGS}\n][obsoletes %{OBSOLETENEVRS} %{OBSOLETEFLAGS}\n][recommends %{RECOMMENDNEVRS} %{RECOMMENDFLAGS}\n][suggests %{SUGGESTNEVRS} %{SUGGESTFLAGS}\n][supplements %{SUPPLEMENTNEVRS} %{SUPPLEMENTFLAGS}\n][enhances %{ENHANCENEVRS} %{ENHANCEFLAGS}\n]'
	ask requires --requires
	ask scripts --scripts
	ask triggers --triggers
	ask filetriggers --filetriggers
	ask flags --qf '%|PREINFLAGS?{pre %{PREINFLAGS}\n}|%|POSTUNFLAGS?{postun %{POSTUNFLAGS}\n}|[filetrigger %{FILETRIGGERPRIORITIES}\n][transfiletrigger %{TRANSFILETRIGGERPRIORITIES}\n]'
	ask list --list
	ask files --qf '[%{FILENAMES}\t%{FILEMODES}\t%{FILEUSERNAME}\t%{FILEGROUPNAME}\t%{LONGFILESIZES}\t%{FILEDIGESTS}\t%{FILELINKTOS}\t%{FILERDEVS}\t%{FILEFLAGS}\t%{FILECAPS}\t%{FILELANGS}\t%{FILEVERIFYFLAGS}\t%{FILENLINKS}\t%{FILEFLAGS:fflags}\n]'
	ask algorithm --qf '%|FILEDIGESTALGO?{%{FILEDIGESTALGO}}:{1}|'
done
cd ..
rpmspec -q --srpm --define "_sourcedir $PWD" --qf '[%{CHANGELOGTIME}\n]' odd.spec >said/changelog
rpmspec -q --buildrequires odd.spec >said/buildrequires
rpmspec -q --srpm --define "_sourcedir $PWD" --qf '[%{CONFLICTNEVRS}\n]' odd.spec >said/buildconflicts
for spec in date-*.spec; do
	rpmspec -q --srpm --qf '%{CHANGELOGTIME}\n' "$spec" >"said/$spec" 2>/dev/null || echo refused >"said/$spec"
done
