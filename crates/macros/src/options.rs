//! What stands in the parentheses of `#[server(…)]`.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::{LitStr, Path, parse_quote};

/// The arguments of the attribute.
pub(crate) struct Options {
    /// The crate that the generated code uses.
    pub(crate) root: Path,
    /// Whether messages stay on the node.
    pub(crate) local: bool,
    /// Whether no value is `nil` as a term.
    pub(crate) is_nil: bool,
    /// The messages, where they are a client's or another server's.
    pub(crate) messages: Option<Path>,
    /// Whether the report of a crash says the request in full.
    pub(crate) report_messages: bool,
}

pub(crate) fn parse(arguments: TokenStream) -> syn::Result<Options> {
    let mut options = Options {
        root: parse_quote!(::engset),
        local: false,
        is_nil: false,
        messages: None,
        report_messages: false,
    };
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("local") {
            options.local = true;
        } else if meta.path.is_ident("report_messages") {
            options.report_messages = true;
        } else if meta.path.is_ident("nil") {
            options.is_nil = true;
        } else if meta.path.is_ident("messages") {
            options.messages = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("crate") {
            options.root = meta.value()?.parse::<LitStr>()?.parse()?;
        } else {
            return Err(meta.error(
                "unknown argument: expected `local`, `nil`, `report_messages`, `messages = Path` or `crate = \"path\"`",
            ));
        }
        Ok(())
    });
    let place = arguments.clone();
    parser.parse2(arguments)?;
    if options.messages.is_some() && (options.local || options.is_nil) {
        let message = "the messages say already how they travel: leave `local` and `nil` to the attribute that makes them";
        return Err(syn::Error::new_spanned(place, message));
    }
    Ok(options)
}
