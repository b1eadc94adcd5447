//! Where cookies come from.

use super::{COOKIE_FILE_BYTES_MAX, Cookie, CookieFlags, Origin};
use crate::failure::Status;
use std::fs;
use std::path::PathBuf;

/// A folder that is removed at its end.
struct Home(PathBuf);

impl Home {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("engset-cookie-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn with_cookie(test: &str, text: &str) -> Self {
        let home = Self::new(test);
        fs::write(home.0.join(".erlang.cookie"), text).unwrap();
        home
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn cookie(text: &str, origin: Origin) -> Cookie {
    Cookie { text: text.to_owned(), origin }
}

#[test]
fn the_flag_comes_before_the_variable_and_the_variable_before_the_home() {
    let home = Home::with_cookie("order", "from home\n");
    let flags = CookieFlags { cookie: Some("from flag".to_owned()), cookie_file: None };
    let variable = || Some("from variable".to_owned());
    assert_eq!(flags.find_in(variable(), Some(&home.0)), Ok(cookie("from flag", Origin::Flag)));
    let flags = CookieFlags::default();
    assert_eq!(flags.find_in(variable(), Some(&home.0)), Ok(cookie("from variable", Origin::Variable)));
    let file = Origin::File(home.0.join(".erlang.cookie"));
    assert_eq!(flags.find_in(None, Some(&home.0)), Ok(cookie("from home", file.clone())));
    assert_eq!(flags.find_in(Some(String::new()), Some(&home.0)), Ok(cookie("from home", file)));
}

#[test]
fn the_file_comes_before_the_variable_and_loses_its_line_end() {
    let home = Home::with_cookie("file", "a b\r\n");
    let file = home.0.join(".erlang.cookie");
    let flags = CookieFlags { cookie: None, cookie_file: Some(file.clone()) };
    assert_eq!(flags.find_in(Some("other".to_owned()), None), Ok(cookie("a b", Origin::File(file))));
}

#[test]
fn no_cookie_is_an_error_that_names_all_ways() {
    let home = Home::new("none");
    let failure = CookieFlags::default().find_in(None, Some(&home.0)).unwrap_err();
    assert_eq!(failure.status, Status::Usage);
    let facts = format!("{:?}", failure.facts);
    for way in ["--cookie", "--cookie-file", "ENGSET_COOKIE", "~/.erlang.cookie"] {
        assert!(facts.contains(way), "{facts}");
    }
    assert!(CookieFlags::default().find_in(None, None).is_err());
}

#[test]
fn a_file_that_is_not_there_empty_or_too_long_is_an_error() {
    let home = Home::new("bad");
    let file = home.0.join("cookie");
    let flags = CookieFlags { cookie: None, cookie_file: Some(file.clone()) };
    let summary = || flags.find_in(None, None).map_err(|failure| failure.summary);
    assert!(summary().unwrap_err().starts_with("there is no cookie file"));
    fs::write(&file, "\n").unwrap();
    assert!(summary().unwrap_err().ends_with("is empty"));
    let longest = usize::try_from(COOKIE_FILE_BYTES_MAX).unwrap();
    fs::write(&file, "x".repeat(longest)).unwrap();
    assert!(summary().is_ok());
    fs::write(&file, "x".repeat(longest + 1)).unwrap();
    assert!(summary().unwrap_err().ends_with("is too long for a cookie file"));
}

/// Each says what to do, and none shows what was in the file.
#[test]
fn what_is_no_cookie_is_an_error_that_says_what_to_do() {
    let home = Home::new("wrong");
    let file = home.0.join("cookie");
    let told = |flags: &CookieFlags, variable: Option<&str>| {
        let failure = flags.find_in(variable.map(str::to_owned), None).unwrap_err();
        assert_eq!((failure.status, failure.facts.last().unwrap().0), (Status::Usage, "do"), "{failure:?}");
        assert!(!format!("{failure:?}").contains("hush"), "{failure:?}");
        failure.summary
    };
    let from_file = CookieFlags { cookie: None, cookie_file: Some(file.clone()) };
    fs::write(&file, "hush\nhush\n").unwrap();
    assert!(told(&from_file, None).ends_with("has 2 lines: no node takes such a one"));
    fs::write(&file, "hu\tsh").unwrap();
    assert!(told(&from_file, None).ends_with("has a control character in it: no node takes such a one"));
    fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(told(&from_file, None).contains("cannot be read"));
    fs::write(&file, "").unwrap();
    assert!(told(&from_file, None).ends_with("is empty"));
    fs::write(&file, "x".repeat(5_000)).unwrap();
    assert!(told(&from_file, None).ends_with("is too long for a cookie file"));
    let folder = CookieFlags { cookie: None, cookie_file: Some(home.0.clone()) };
    assert!(told(&folder, None).contains("cannot be read: Is a directory"));
    assert!(
        told(&CookieFlags::default(), Some("hush\nhush"))
            .starts_with("the cookie from ENGSET_COOKIE has 2 lines")
    );
    assert!(told(&CookieFlags::default(), Some("\n")).ends_with("is empty"));
    let flag = CookieFlags { cookie: Some("hush\n".to_owned()), cookie_file: None };
    assert!(told(&flag, None).starts_with("the cookie from --cookie has"));
}

#[test]
fn the_variable_loses_its_line_end_and_spaces_are_told_of() {
    let found = CookieFlags::default().find_in(Some("hush\n".to_owned()), None);
    assert_eq!(found, Ok(cookie("hush", Origin::Variable)));
    let spaced = cookie("hush ", Origin::Variable).to_string();
    assert!(spaced.ends_with("; it begins or ends with a space, which is part of it"), "{spaced}");
    assert!(!cookie("hu sh", Origin::Variable).to_string().contains("space"));
}

#[test]
fn a_cookie_is_shown_by_its_fingerprint_only() {
    let shown = format!("{0} {0:?}", cookie("secret", Origin::Flag));
    assert!(!shown.contains("secret"), "{shown}");
    assert!(shown.contains(&cookie("secret", Origin::Variable).fingerprint()), "{shown}");
    assert_ne!(cookie("a", Origin::Flag).fingerprint(), cookie("b", Origin::Flag).fingerprint());
    assert_eq!(cookie("a", Origin::Flag).fingerprint().len(), 4);
}

#[test]
fn flags_do_not_print_the_cookie() {
    let flags = CookieFlags { cookie: Some("hush".to_owned()), cookie_file: Some("a file".into()) };
    let told = format!("{flags:?}");
    assert!(!told.contains("hush") && told.contains("a file"), "{told}");
}
