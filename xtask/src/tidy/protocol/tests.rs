//! Facts about names in code and in pages.

use super::{TABLES, check, constants, operations};

#[test]
fn constants_with_a_number_are_names() {
    let code = "\
        /// const IN_PROSE: u8 = 1;\n\
        pub(crate) const NEW_FLOAT_EXT: u8 = 70; // 'F'\n\
        const STRING_EXT: u8 = b'k';\n\
        pub const ATOMS_MAX: u32 = 255;\n\
        const TEXT: &str = \"a\";\n\
        let x = y;\n";
    assert_eq!(constants(code), ["NEW_FLOAT_EXT", "STRING_EXT"]);
}

#[test]
fn variants_of_control_are_operations() {
    let code = "\
enum Before {
    No,
}

pub enum Control {
    /// 1: `{1, From, To}`.
    Link {
        /// From whom.
        From: Pid,
    },
    NodeLink,
    Exit2(Reason),
    #[expect(dead_code)]
    SpawnReply {},
}

enum After {
    No,
}
";
    assert_eq!(operations(code), ["LINK", "NODE_LINK", "EXIT2", "SPAWN_REPLY"]);
}

#[test]
fn each_name_must_be_in_the_page_as_a_word() {
    let finds = |page: &str| {
        let mut findings = Vec::new();
        check(&TABLES[0], "const LINK: u8 = 1;", page, &mut findings);
        findings.len()
    };
    assert_eq!(finds("| 1 | `LINK` | … |"), 0);
    assert_eq!(finds("| 4 | UNLINK and LINK_EXIT | … |"), 1);
    assert_eq!(finds(""), 1);
}

#[test]
fn code_without_names_is_a_finding() {
    let mut findings = Vec::new();
    check(&TABLES[0], "", "a page", &mut findings);
    assert_eq!(findings, ["crates/etf/src/tags.rs: no names for docs/protocol/etf.md were found"]);
}
