//! No text makes the reader of invites fail, and an invite that is read prints as one that reads the same.
//!
//! The input is taken twice: as what a person pastes, and as what stands inside an invite, which then
//! gets its right checksum.
#![no_main]

use data_encoding::BASE32_NOPAD;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use topside_shared::invite::{Invite, InviteError, MAX_ADDRESSES};
use topside_shared::text::{MAX_NAME, is_control};

fuzz_target!(|input: &[u8]| {
    pasted(&String::from_utf8_lossy(input));

    let mut bytes = input.to_vec();
    bytes.extend(&Sha256::digest(input)[..4]);
    let text = format!("topside1:{}", BASE32_NOPAD.encode(&bytes));
    pasted(&text);
    assert!(!matches!(text.parse::<Invite>(), Err(InviteError::NotAnInvite | InviteError::Newer)));
});

fn pasted(text: &str) {
    let Ok(invite) = text.parse::<Invite>() else { return };
    assert!(invite.addresses.len() <= MAX_ADDRESSES && invite.port != 0 && invite.router_port != 0);
    assert!(invite.name.chars().count() <= MAX_NAME && !invite.name.chars().any(is_control));
    assert!(!invite.router.as_deref().is_some_and(|host| host.is_empty() || host.contains(' ')));

    let printed = invite.to_string();
    let folded: String = printed.chars().flat_map(|c| [c, '\n']).collect();
    for form in [&printed, &invite.to_capitals(), &folded] {
        assert_eq!(form.parse().as_ref(), Ok(&invite), "{form}");
    }
}
