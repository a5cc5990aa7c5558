//! Gives up every right that capturing does not need: user, groups, capabilities (`capabilities(7)`), core dumps, and
//! the way back to any of them.

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid, User, geteuid, setgid, setgroups, setuid};
use std::fmt;

/// Whether the right to open packet sockets is given up with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepNetRaw {
    /// It stays, so that an interface which was deleted and made anew can be opened again.
    Yes,
    /// It goes. Interfaces that are open stay open.
    No,
}

/// A user to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// The user of that name or number, with its main group and no other.
    ///
    /// # Errors
    /// [`PrivilegeError`] when there is no such user, or when this process may not become it.
    pub fn named(name: &str) -> Result<Self, PrivilegeError> {
        let found = match name.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(name),
        };
        let Some(user) = found.map_err(|error| failed("looking up the user", error))? else {
            return Err(PrivilegeError(format!("there is no user {name}")));
        };
        if !geteuid().is_root() && user.uid != geteuid() {
            return Err(PrivilegeError(format!("only root can become the user {name}")));
        }
        Ok(Self { uid: user.uid, gid: user.gid })
    }
}

/// A right could not be given up, or the user to become is none. The process must not go on as if it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivilegeError(String);

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PrivilegeError {}

/// Becomes the user, if one is given, and keeps no capability but `CAP_NET_RAW`, and that only if it was there and is to
/// stay. No program started from here on can gain rights, and no core dump will hold what was captured.
///
/// To be called after everything that needs rights is open, and before any thread is started: a capability belongs to a
/// thread.
///
/// # Errors
/// [`PrivilegeError`] when a right could not be given up.
pub fn give_up_privileges(identity: Option<&Identity>, keep: KeepNetRaw) -> Result<(), PrivilegeError> {
    let wanted = |set| match keep {
        KeepNetRaw::Yes => caps::has_cap(None, set, Capability::CAP_NET_RAW).unwrap_or(false),
        KeepNetRaw::No => false,
    };
    let kept: CapsHashSet =
        wanted(CapSet::Permitted).then_some(Capability::CAP_NET_RAW).into_iter().collect();
    // Needs a capability itself, and goes without saying where there is nothing to gain.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        caps::clear(None, CapSet::Bounding).map_err(|error| failed("clearing the bounding set", error))?;
    }
    if let Some(identity) = identity.filter(|identity| identity.uid != geteuid()) {
        become_user(identity)?;
    }
    caps::clear(None, CapSet::Ambient).map_err(|error| failed("clearing ambient capabilities", error))?;
    // The effective set must fit into the permitted one at every moment: empty, shrink, then raise what stays.
    caps::clear(None, CapSet::Effective).map_err(|error| failed("clearing capabilities", error))?;
    caps::clear(None, CapSet::Inheritable).map_err(|error| failed("clearing capabilities", error))?;
    caps::set(None, CapSet::Permitted, &kept).map_err(|error| failed("clearing capabilities", error))?;
    caps::set(None, CapSet::Effective, &kept).map_err(|error| failed("keeping CAP_NET_RAW", error))?;
    prctl::set_no_new_privs().map_err(|error| failed("setting no_new_privs", error))?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(|error| failed("forbidding core dumps", error))?;
    verify(identity, &kept)
}

/// Groups first: without root they could not be changed any more.
fn become_user(identity: &Identity) -> Result<(), PrivilegeError> {
    // Otherwise the permitted set would be emptied, and what is to be kept with it.
    prctl::set_keepcaps(true).map_err(|error| failed("keeping capabilities", error))?;
    setgroups(&[identity.gid]).map_err(|error| failed("leaving groups", error))?;
    setgid(identity.gid).map_err(|error| failed("changing the group", error))?;
    setuid(identity.uid).map_err(|error| failed("changing the user", error))?;
    prctl::set_keepcaps(false).map_err(|error| failed("keeping capabilities", error))
}

/// A system call that did nothing and said it did must not leave a root process on the wire.
fn verify(identity: Option<&Identity>, kept: &CapsHashSet) -> Result<(), PrivilegeError> {
    for set in [CapSet::Effective, CapSet::Permitted] {
        let left = caps::read(None, set).map_err(|error| failed("reading capabilities", error))?;
        if left != *kept {
            return Err(PrivilegeError(format!("capabilities remain: {left:?}")));
        }
    }
    match identity {
        Some(identity) if geteuid() != identity.uid => {
            Err(PrivilegeError("the user was not changed".to_owned()))
        }
        _ => Ok(()),
    }
}

fn failed(what: &str, error: impl fmt::Display) -> PrivilegeError {
    PrivilegeError(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let me = geteuid();
        assert_eq!(Identity::named(&me.to_string()).unwrap().uid, me);
        let error = Identity::named("no-such-user").unwrap_err();
        assert_eq!(error.to_string(), "there is no user no-such-user");
        for bad in ["", "a\0b", "4294967294"] {
            assert!(Identity::named(bad).is_err(), "{bad:?}");
        }
    }
}
