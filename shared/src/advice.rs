//! Advice that several messages give: what to type, and where.

/// How an admin makes an invite; for messages of a client, which does not know how the box runs its server.
pub const INVITE_ON_THE_BOX: &str =
    "`topsided invite --name NAME --role ROLE` on the box, with sudo where topsided is a service";
/// How an admin makes a token.
pub const TOKEN_ON_THE_BOX: &str = "`topsided token --name NAME --role ROLE --commands COMMANDS` on the box, with sudo \
                                    where topsided is a service";
/// The verb that makes the first invite, as an example.
pub const FIRST_INVITE: &str = "invite --name phone --role operator";

/// How a verb of `topsided` is typed: for a server that runs as a service it needs sudo.
pub fn topsided(is_service: bool, verb: &str) -> String {
    let sudo = if is_service { "sudo " } else { "" };
    format!("`{sudo}topsided {verb}`")
}
