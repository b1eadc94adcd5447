//! Pure: what a group leader answers to requests of the io protocol. Output is text; there is no input.

use super::io_format::format;
use engset_term::Term;

/// So many bytes of output one request may have; one with more is answered with `{error, emsgsize}`.
pub(crate) const OUTPUT_BYTES_MAX: usize = 1024 * 1024;
/// So many requests may be in one `{requests, List}`.
pub(crate) const REQUESTS_MAX: usize = 10_000;

/// What is done for a request.
#[derive(Debug, PartialEq)]
pub(super) struct Served {
    /// The second element of the `io_reply`.
    pub(super) reply: Term,
    /// What is to be written.
    pub(super) output: String,
}

/// A message of the io protocol, `{io_request, From, ReplyAs, Request}`, taken apart.
pub(super) fn open(message: &Term) -> Option<(engset_term::Pid, Term, &Term)> {
    match message.as_tuple()? {
        [tag, from, reply_as, request] if tag.is_atom("io_request") => {
            Some((from.as_pid()?, reply_as.clone(), request))
        }
        _ => None,
    }
}

/// The answer to a request.
pub(super) fn reply(reply_as: Term, reply: Term) -> Term {
    Term::tuple([Term::atom("io_reply"), reply_as, reply])
}

/// Serves one request, which may hold others.
pub(super) fn serve(request: &Term) -> Served {
    let mut output = String::new();
    let reply = match request.as_tuple() {
        Some([tag, requests]) if tag.is_atom("requests") => many(requests, &mut output),
        _ => one(request, &mut output),
    };
    Served { reply, output }
}

/// One after the other; the first error ends it.
fn many(requests: &Term, output: &mut String) -> Term {
    let Some(requests) = requests.as_proper_list().filter(|requests| requests.len() <= REQUESTS_MAX) else {
        return error("request");
    };
    let mut last = Term::atom("ok");
    for request in requests {
        last = one(request, output);
        let is_error = last.as_tuple().and_then(<[Term]>::first).is_some_and(|tag| tag.is_atom("error"));
        if is_error {
            break;
        }
    }
    last
}

fn one(request: &Term, output: &mut String) -> Term {
    if request.is_atom("getopts") {
        let option = |name, value| Term::tuple([Term::atom(name), Term::atom(value)]);
        return Term::list([option("binary", "false"), option("encoding", "unicode")]);
    }
    let parts = request.as_tuple().unwrap_or_default();
    let name = parts.first().and_then(Term::as_atom).map_or("", engset_term::Atom::as_str);
    match (name, parts) {
        // Without an encoding, as before there were any.
        ("put_chars", [_, chars]) => put(text(Encoding::Latin1, chars), output),
        ("put_chars", [_, module, function, args]) => {
            put_result(Encoding::Latin1, [module, function, args], output)
        }
        ("put_chars", [_, encoding, rest @ ..]) => match (Encoding::of(encoding), rest) {
            (Some(encoding), [chars]) => put(text(encoding, chars), output),
            (Some(encoding), [module, function, args]) => {
                put_result(encoding, [module, function, args], output)
            }
            _ => error("request"),
        },
        ("get_line" | "get_chars" | "get_until" | "get_password", _) => Term::atom("eof"),
        ("get_geometry", [_, _]) => error("enotsup"),
        ("setopts", [_, options]) => match options.as_proper_list() {
            Some(options) if options.iter().all(is_option) => Term::atom("ok"),
            _ => error("enotsup"),
        },
        _ => error("request"),
    }
}

/// What characters and binaries are to be read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Characters up to 255, and each byte one of them.
    Latin1,
    /// All characters, and binaries in UTF-8.
    Unicode,
}

impl Encoding {
    fn of(term: &Term) -> Option<Self> {
        match term.as_atom()?.as_str() {
            "latin1" => Some(Self::Latin1),
            "unicode" => Some(Self::Unicode),
            _ => None,
        }
    }
}

/// The text that a list of characters, binaries and such lists is, or a binary; none where something is not in this
/// encoding. A character's bytes may be in two binaries.
fn text(encoding: Encoding, chars: &Term) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = match chars {
        Term::Int(_) => return None,
        chars => vec![chars],
    };
    let put = |out: &mut Vec<u8>, char: char| out.extend(char.encode_utf8(&mut [0; 4]).bytes());
    while let Some(term) = rest.pop() {
        match (term, encoding) {
            (Term::Int(char), Encoding::Latin1) => put(&mut out, char::from(u8::try_from(*char).ok()?)),
            (Term::Int(char), Encoding::Unicode) => {
                put(&mut out, char::from_u32(u32::try_from(*char).ok()?)?);
            }
            (Term::Nil, _) => {}
            (Term::Binary(bytes), Encoding::Latin1) => {
                bytes.as_slice().iter().for_each(|byte| put(&mut out, char::from(*byte)));
            }
            (Term::Binary(bytes), Encoding::Unicode) => out.extend_from_slice(bytes.as_slice()),
            (Term::List(list), _) => {
                match list.tail() {
                    tail @ (Term::Nil | Term::Binary(_)) => rest.push(tail),
                    _ => return None,
                }
                rest.extend(list.elements().iter().rev());
            }
            _ => return None,
        }
    }
    String::from_utf8(out).ok()
}

/// Puts what a function makes of its arguments, in this encoding.
fn put_result(encoding: Encoding, [module, function, args]: [&Term; 3], output: &mut String) -> Term {
    let text = if module.is_atom("io_lib") { io_lib(function, args) } else { None };
    let is_fit = |text: &String| encoding == Encoding::Unicode || text.chars().all(|char| char <= '\u{ff}');
    match text {
        Some(text) if is_fit(&text) => put(Some(text), output),
        _ => Term::tuple([Term::atom("error"), function.clone()]),
    }
}

/// The text of a function of `io_lib`; nothing else is run for a request.
fn io_lib(function: &Term, args: &Term) -> Option<String> {
    let args = args.as_proper_list()?;
    match (function.as_atom()?.as_str(), args) {
        ("format" | "fwrite", [format_, args]) => format(format_, args, OUTPUT_BYTES_MAX),
        ("write" | "print", [term, ..]) => Some(term.display_max(OUTPUT_BYTES_MAX).to_string()),
        ("nl", []) => Some("\n".to_owned()),
        _ => None,
    }
}

/// Options that change nothing where there is no input.
fn is_option(option: &Term) -> bool {
    let name = option.as_tuple().and_then(<[Term]>::first).unwrap_or(option).as_atom();
    name.is_some_and(|name| matches!(name.as_str(), "binary" | "list" | "encoding" | "echo" | "expand_fun"))
}

fn put(text: Option<String>, output: &mut String) -> Term {
    match text {
        Some(text) if output.len().saturating_add(text.len()) <= OUTPUT_BYTES_MAX => {
            output.push_str(&text);
            Term::atom("ok")
        }
        Some(_) => error("emsgsize"),
        None => error("put_chars"),
    }
}

fn error(why: &'static str) -> Term {
    Term::tuple([Term::atom("error"), Term::atom(why)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &str) -> (String, String) {
        let served = serve(&Term::parse(&format!("{request}.")).expect("a term"));
        (served.reply.to_string(), served.output)
    }

    #[test]
    fn characters_are_put_in_all_forms() {
        let ok = |text: &str| ("ok".to_owned(), text.to_owned());
        assert_eq!(of("{put_chars,unicode,\"abc\"}"), ok("abc"));
        assert_eq!(of("{put_chars,latin1,<<\"abc\">>}"), ok("abc"));
        assert_eq!(of("{put_chars,\"abc\"}"), ok("abc"));
        assert_eq!(of("{put_chars,unicode,io_lib,format,[\"~p~n\",[{a}]]}"), ok("{a}\n"));
        assert_eq!(of("{put_chars,io_lib,format,[\"~s\",[x]]}"), ok("x"));
        assert_eq!(of("{put_chars,unicode,io_lib,write,[{a,b}]}"), ok("{a,b}"));
        assert_eq!(of("{put_chars,unicode,os,cmd,[\"id\"]}"), ("{error,cmd}".to_owned(), String::new()));
        assert_eq!(of("{put_chars,unicode,[[[\"a\"],<<\"b\">>]|<<\"c\">>]}"), ok("abc"));
        assert_eq!(of("{put_chars,unicode,[<<195>>,<<164>>,8364]}"), ok("ä€"));
        assert_eq!(of("{put_chars,latin1,[<<195,164>>,228]}"), ok("Ã¤ä"));
        assert_eq!(of("{put_chars,<<228>>}"), ok("ä"));
        assert_eq!(of("{put_chars,latin1,io_lib,format,[\"~ts\",[[228]]]}"), ok("ä"));
    }

    /// As OTP's `user` answers, which `interop/tests/group_leader.rs` compares.
    #[test]
    fn characters_that_are_none_are_refused_and_nothing_is_written() {
        let bad = [
            "{put_chars,unicode,{a}}",
            "{put_chars,unicode,a}",
            "{put_chars,unicode,[a]}",
            "{put_chars,unicode,17}",
            "{put_chars,unicode,[-1]}",
            "{put_chars,unicode,[16#D800]}",
            "{put_chars,unicode,[16#110000]}",
            "{put_chars,unicode,<<255>>}",
            "{put_chars,unicode,[<<195>>,164]}",
            "{put_chars,unicode,[\"ab\"|97]}",
            "{put_chars,latin1,[300]}",
            "{put_chars,[300]}",
        ];
        for request in bad {
            assert_eq!(of(request), ("{error,put_chars}".to_owned(), String::new()), "{request}");
        }
        assert_eq!(of("{put_chars,utf16,\"a\"}").0, "{error,request}");
        assert_eq!(of("{put_chars,latin1,io_lib,format,[\"~ts\",[[300]]]}").0, "{error,format}");
        assert_eq!(of("{put_chars,unicode,io_lib,format,[\"~p\",[]]}").0, "{error,format}");
    }

    #[test]
    fn there_is_no_input_and_no_terminal() {
        for request in
            ["{get_line,unicode,\"> \"}", "{get_chars,unicode,'',1}", "{get_until,unicode,'',m,f,[]}"]
        {
            assert_eq!(of(request).0, "eof");
        }
        assert_eq!(of("{get_geometry,columns}").0, "{error,enotsup}");
        assert_eq!(of("getopts").0, "[{binary,false},{encoding,unicode}]");
        assert_eq!(of("{setopts,[binary,{encoding,latin1}]}").0, "ok");
        assert_eq!(of("{setopts,[{volume,11}]}").0, "{error,enotsup}");
        for request in ["nonsense", "{}", "{no_request,1}", "17"] {
            assert_eq!(of(request).0, "{error,request}");
        }
    }

    #[test]
    fn requests_go_on_until_one_fails() {
        let (reply, output) = of("{requests,[{put_chars,\"a\"},{put_chars,\"b\"},getopts]}");
        assert_eq!((reply.as_str(), output.as_str()), ("[{binary,false},{encoding,unicode}]", "ab"));
        let (reply, output) = of("{requests,[{put_chars,\"a\"},wrong,{put_chars,\"b\"}]}");
        assert_eq!((reply.as_str(), output.as_str()), ("{error,request}", "a"));
        assert_eq!(of("{requests,[{requests,[]}]}").0, "{error,request}");
    }

    #[test]
    fn output_is_bounded() {
        let of = |len: usize| {
            let chars = Term::binary(vec![b'x'; len]);
            serve(&Term::tuple([Term::atom("put_chars"), Term::atom("unicode"), chars])).reply.to_string()
        };
        assert_eq!(of(OUTPUT_BYTES_MAX), "ok");
        assert_eq!(of(OUTPUT_BYTES_MAX + 1), "{error,emsgsize}");
        let many = |count: usize| {
            let requests = Term::list((0..count).map(|_| Term::atom("getopts")));
            serve(&Term::tuple([Term::atom("requests"), requests])).reply.to_string()
        };
        assert_ne!(many(REQUESTS_MAX), "{error,request}");
        assert_eq!(many(REQUESTS_MAX + 1), "{error,request}");
    }
}
