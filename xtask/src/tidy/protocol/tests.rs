//! Facts about names in code and in pages.

use super::{TABLES, check, names};

#[test]
fn constants_and_numbered_variants_are_names() {
    let code = "\
        /// const IN_PROSE: u8 = 1;\n\
        pub(crate) const NEW_FLOAT_EXT: u8 = 70;\n\
        pub const ATOMS_MAX: u32 = 255;\n\
        const TEXT: &str = \"a\";\n\
        enum Op {\n    SendSender = 22,\n    Link = 1,\n    Other,\n}\n\
        let x = y;\n";
    assert_eq!(names(code), ["NEW_FLOAT_EXT", "SEND_SENDER", "LINK"]);
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
    check(&TABLES[1], "", "a page", &mut findings);
    assert_eq!(findings, ["crates/dist/src/control.rs: no constant with a number was found"]);
}
