//! Environment variables that may hold a client's value. An interpreter, a loader, a library or a common tool obeys
//! some variables, so these would let the client choose what the program does.

use std::fmt;

const MAX_NAME: usize = 64;

/// Refused names: the named tools read options, code, other programs or files from them.
const NAMES: &[&str] = &[
    // Shells.
    "PATH IFS ENV BASH_ENV SHELLOPTS BASHOPTS PS4 PROMPT_COMMAND CDPATH GLOBIGNORE FPATH ZDOTDIR NULLCMD \
     READNULLCMD TMPPREFIX SHELL INPUTRC HISTFILE",
    // The user, and the directories of its files.
    "HOME USER LOGNAME PWD OLDPWD MAIL TMPDIR TMP TEMP TZDIR",
    // The C library.
    "GCONV_PATH GETCONF_DIR GLIBC_TUNABLES HOSTALIASES LOCALDOMAIN LOCPATH NIS_PATH NLSPATH PATH_LOCALE \
     RESOLV_HOST_CONF RES_OPTIONS LIBPATH SHLIB_PATH",
    // Programs that other programs start.
    "EDITOR VISUAL PAGER MANPAGER BROWSER CVS_RSH SVN_SSH SSH_ASKPASS WGETRC NETRC CURL_HOME CURL_CA_BUNDLE \
     REQUESTS_CA_BUNDLE MANPATH GZIP POSIXLY_CORRECT PSQLRC MYSQL_HOME MYSQL_TEST_LOGIN_FILE VIMINIT GVIMINIT \
     EXINIT MYVIMRC ZIPOPT UNZIP UNZIPOPT GNUPGHOME SCREENRC TMUX KUBECONFIG AWS_CONFIG_FILE \
     AWS_SHARED_CREDENTIALS_FILE HGRCPATH PGSERVICEFILE PGSYSCONFDIR",
    // Languages.
    "CLASSPATH PHPRC TCLLIBPATH PSModulePath VIRTUAL_ENV GOFLAGS GODEBUG GOROOT GOPATH RUSTFLAGS RUSTC \
     RUSTC_WRAPPER AWKPATH AWKLIBPATH MAKEFLAGS MAKEFILES MFLAGS GNUMAKEFLAGS CC CXX CPP LD AR CPATH LIBRARY_PATH \
     C_INCLUDE_PATH CPLUS_INCLUDE_PATH GCC_EXEC_PREFIX COMPILER_PATH",
];

/// Refused prefixes.
const PREFIXES: &[&str] = &[
    "LD_ DYLD_ _RLD MALLOC_ BASH_FUNC_ LESS TERM XDG_ SSL_ OPENSSL_ GNUTLS_ KRB5 GSS PYTHON PIP_ CONDA_ PERL RUBY \
     GEM_ BUNDLE_ NODE_ NPM_ npm_ YARN_ DENO_ BUN_ ELECTRON_ LUA_ PHP_ TCL_ TK_ R_ JULIA_ GUILE_ ERL_ OCAML CAML \
     JAVA_ _JAVA_ JDK_ MAVEN_ GRADLE_ ANT_ DOTNET_ CORECLR_ COMPlus_ COR_ MONO_ GIT_ SSH_ SUDO_ RSYNC_ CARGO_ \
     RUSTUP_ RUSTC_ UV_ TS_NODE_ TSX_ MIX_ NIX_ TF_ HELM_ DEBUGINFOD_ VK_ NSS_WRAPPER_ SYSTEMD_ DBUS_ GTK_ QT_ GIO_ \
     GST_ DOCKER_ ANSIBLE_ RCLONE_",
];

/// Refused suffixes, which many tools share.
const SUFFIXES: &[&str] = &[
    "_PROXY _proxy _COMMAND _PASSCOMMAND _ASKPASS _EDITOR _PAGER _BROWSER _SHELL _RSH _PRELOAD _OPTIONS _OPTS",
];

/// Why a client may not set a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Some programs take such a name for something else.
    Shape,
    /// The server sets it.
    Own,
    /// Programs obey it.
    Steers,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => write!(
                f,
                "must be a name of at most {MAX_NAME} letters, digits and `_`, the first no digit"
            ),
            Self::Own => f.write_str("is Topside's own: variables of a run cannot begin so"),
            Self::Steers => f.write_str(
                "steers the program itself: no caller may set it, so use a name of the program's own",
            ),
        }
    }
}

fn words(lists: &[&'static str]) -> impl Iterator<Item = &'static str> {
    lists.iter().flat_map(|list| list.split_ascii_whitespace())
}

pub(super) fn check(name: &str) -> Result<(), Refused> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let listed = words(NAMES).any(|listed| name == listed)
        || words(PREFIXES).any(|prefix| name.starts_with(prefix))
        || words(SUFFIXES).any(|suffix| name.ends_with(suffix));
    if name.starts_with("TOPSIDE_") {
        Err(Refused::Own)
    } else if listed {
        Err(Refused::Steers)
    } else if name.is_empty()
        || name.len() > MAX_NAME
        || name.starts_with(|c: char| c.is_ascii_digit())
        || !name.chars().all(plain)
    {
        Err(Refused::Shape)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_programs_own_passes_though_it_resembles_a_refused_one() {
        for name in [
            "ZONE",
            "A_PATH",
            "BACKUP_PATH",
            "PGPASSWORD",
            "RESTIC_PASSWORD",
            "TZ",
            "LANG",
            "_",
            "RADIUS",
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_name_that_programs_obey_is_refused() {
        let with_prefix = words(PREFIXES).map(|prefix| format!("{prefix}X"));
        let with_suffix = words(SUFFIXES).map(|suffix| format!("X{suffix}"));
        let names = words(NAMES).map(str::to_owned);
        for name in names.chain(with_prefix).chain(with_suffix) {
            assert_eq!(check(&name), Err(Refused::Steers), "{name}");
        }
        assert_eq!(check("BASH_FUNC_x%%"), Err(Refused::Steers));
        for name in ["", "1", "a-b", "a=b", "a b", "é", "A\0", &"A".repeat(65)] {
            assert_eq!(check(name), Err(Refused::Shape), "{name:?}");
        }
    }
}
