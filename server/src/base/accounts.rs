//! The machine's own lists of accounts and groups, without those of directory services. A shared group of a directory
//! service is recognized by its number, which differs from the owner's.

#[derive(Debug, Default)]
pub(crate) struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    pub(crate) fn read() -> Self {
        let read = |path| {
            std::fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default()
        };
        Self { passwd: read("/etc/passwd"), group: read("/etc/group") }
    }

    /// Whether `gid` is the group of `uid` and of no other account.
    pub(crate) fn is_private(&self, uid: u32, gid: u32) -> bool {
        let (mut owner, mut own, mut shared) = (None, None, false);
        for line in self.passwd.lines() {
            let mut fields = line.split(':');
            let (name, id, primary) = (fields.next(), fields.nth(1), fields.next());
            let (Some(name), Some(id), Some(primary)) = (name, number(id), number(primary)) else {
                continue;
            };
            if id == uid {
                (owner, own) = (Some(name), Some(primary));
            } else if primary == gid {
                shared = true;
            }
        }
        let members = self
            .group
            .lines()
            .filter(|line| number(line.split(':').nth(2)) == Some(gid))
            .flat_map(|line| line.split(':').nth(3).unwrap_or_default().split(','))
            .map(str::trim)
            .filter(|member| !member.is_empty());
        !shared && own.unwrap_or(uid) == gid && members.into_iter().all(|name| Some(name) == owner)
    }
}

fn number(field: Option<&str>) -> Option<u32> {
    field?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(passwd: &str, group: &str) -> Accounts {
        Accounts { passwd: passwd.to_owned(), group: group.to_owned() }
    }

    #[test]
    fn a_group_that_only_its_owner_is_in_is_private() {
        let a = accounts(
            "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
            "ann:x:1000:ann\nstaff:x:50:\n",
        );
        assert!(a.is_private(1000, 1000));
        assert!(a.is_private(0, 0));
        assert!(!a.is_private(1000, 50), "another group");
        assert!(a.is_private(1234, 1234), "an unlisted account has the group of its number");
        assert!(!a.is_private(1234, 50));
    }

    #[test]
    fn a_group_with_another_member_is_not_private() {
        let member = accounts("ann:x:1000:1000::/:/bin/sh\n", "ann:x:1000:ann,bob\n");
        assert!(!member.is_private(1000, 1000));
        let primary = accounts("ann:x:1000:100::/:/b\nbob:x:1001:100::/:/b\n", "users:x:100:\n");
        assert!(!primary.is_private(1000, 100));
    }
}
