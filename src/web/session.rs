//! Who visits: nobody in particular, or whoever has signed in with a token.
//!
//! A session is 256 random bits in a cookie that no script reads and no other site sends; the farm keeps their digest. Each
//! form that changes something carries a proof that it came from one of the farm's pages: made from the session, so that
//! nothing more is stored, and worth nothing without it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequestParts, RawQuery};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::{Markup, html};

use super::fault::Fault;
use super::layout::{Frame, page};
use super::serve::see_other;
use super::{State, Web};
use crate::model::{Actor, Namespace, Scope, Sha256, Timestamp};
use crate::pipeline::now;
use crate::store::{Reader, Token};

/// How long a session lasts, in seconds.
const LASTS: i64 = 12 * 3600;
/// The cookie's name, and the one where the page came over TLS: browsers let nobody else set that.
const COOKIES: [&str; 2] = ["__Host-plugfarm", "plugfarm"];
/// The field of a form that holds its proof.
const PROOF: &str = "proof";

/// Whoever has signed in.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    pub(super) token: Token,
    secret: String,
}

impl Viewer {
    /// What they are called.
    pub(super) fn name(&self) -> String {
        match &self.token.partner {
            Some(partner) => partner.to_string(),
            None => "operator".to_owned(),
        }
    }

    /// The field by which a form shows that it is one of the farm's.
    pub(super) fn proof(&self) -> Markup {
        html! { input type="hidden" name=(PROOF) value=(proof(&self.secret)); }
    }

    /// Whether they may do `scope` to what is `partner`'s in `namespace`.
    pub(super) fn may(&self, scope: Scope, namespace: &Namespace, partner: &Actor) -> bool {
        self.token.may(scope, namespace, partner)
    }
}

/// A request for a page.
#[derive(Debug, Clone)]
pub(super) struct Visit {
    pub(super) viewer: Option<Viewer>,
    /// Why no build begins, if the queue is locked.
    pub(super) banner: Option<String>,
    /// The page's address on the farm.
    pub(super) path: String,
}

impl Visit {
    /// What of what is private they may read.
    pub(super) fn reader(&self) -> Reader {
        let viewer = self.viewer.as_ref();
        viewer.map_or(Reader::Anybody, |viewer| viewer.token.reader())
    }

    /// Whether the operator visits.
    pub(super) fn operates(&self) -> bool {
        self.viewer
            .as_ref()
            .is_some_and(|viewer| viewer.token.operates())
    }

    /// Whoever has signed in, or a page that asks for it.
    pub(super) fn signed_in(&self) -> Result<&Viewer, Fault> {
        self.viewer.as_ref().ok_or_else(|| {
            let hint = "Sign in with a token from the farm's operator.";
            Fault::new(
                StatusCode::UNAUTHORIZED,
                "This page is not for everybody.",
                hint,
            )
        })
    }

    /// The viewer, if it is the operator.
    pub(super) fn operator(&self) -> Result<&Viewer, Fault> {
        let viewer = self.signed_in()?;
        if viewer.token.operates() {
            Ok(viewer)
        } else {
            Err(Fault::forbidden("This page is the farm's operator's."))
        }
    }

    pub(super) fn encoded_path(&self) -> String {
        url::form_urlencoded::byte_serialize(self.path.as_bytes()).collect()
    }
}

/// Whoever has signed in, by the cookies of a request.
async fn viewer(web: &Web, headers: &HeaderMap) -> Result<Option<Viewer>, Fault> {
    for secret in secrets(headers) {
        if let Some(token) = web.store.session(digest(&secret), now()).await? {
            return Ok(Some(Viewer { token, secret }));
        }
    }
    Ok(None)
}

/// What whoever has signed in may read of what is private; for what the API has and no page, such as a log as it grows.
pub(super) async fn reader(web: &Web, headers: &HeaderMap) -> Reader {
    let found = viewer(web, headers).await.ok().flatten();
    found.map_or(Reader::Anybody, |viewer| viewer.token.reader())
}

impl FromRequestParts<Arc<Web>> for Visit {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Fault> {
        let path = parts.uri.path_and_query();
        Ok(Self {
            viewer: viewer(web, &parts.headers).await?,
            banner: web.store.queue_lock().await?,
            path: path.map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

/// What the cookies hold that may be sessions.
fn secrets(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let pairs: Vec<_> = cookies
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .collect();
    let named = |name| pairs.iter().find(move |(found, _)| *found == name);
    let found = COOKIES.iter().filter_map(|name| named(*name));
    found.map(|(_, value)| (*value).to_owned()).collect()
}

fn digest(secret: &str) -> Sha256 {
    Sha256::of(secret.as_bytes())
}

fn proof(secret: &str) -> String {
    Sha256::of(format!("plugfarm form {secret}").as_bytes()).to_string()
}

/// The fields of a form.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn read(body: &Bytes) -> Self {
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    pub(super) fn field(&self, name: &str) -> &str {
        let mut fields = self.0.iter();
        fields
            .find(|(found, _)| found == name)
            .map_or("", |(_, value)| value)
    }
}

/// Lets a form through that one of the farm's pages has sent, for whoever has signed in.
pub(super) fn allow<'a>(
    visit: &'a Visit,
    headers: &HeaderMap,
    form: &Form,
) -> Result<&'a Viewer, Fault> {
    let viewer = visit.signed_in()?;
    let shown = Sha256::of(form.field(PROOF).as_bytes());
    // Digests are compared: how long that takes tells nothing about the proof.
    if own_page(headers).is_some() && shown == Sha256::of(proof(&viewer.secret).as_bytes()) {
        Ok(viewer)
    } else {
        Err(foreign())
    }
}

fn foreign() -> Fault {
    let hint = "Go back to the farm's page, load it again, and try once more.";
    Fault::new(
        StatusCode::FORBIDDEN,
        "This did not come from one of the farm's own pages.",
        hint,
    )
}

/// Whether a form comes from a page of this very address, as the browser says; and whether that came over TLS.
fn own_page(headers: &HeaderMap) -> Option<bool> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let origin = text(header::ORIGIN)?;
    let host = text(header::HOST)?;
    let (scheme, place) = origin.split_once("://")?;
    (place.eq_ignore_ascii_case(host)).then_some(scheme == "https")
}

/// The page on which one signs in.
pub(super) async fn form(web: State, visit: Visit, RawQuery(query): RawQuery) -> Response {
    let query = Form::read(&Bytes::from(query.unwrap_or_default()));
    form_page(&web, &visit, safe(query.field("next")), None)
}

fn form_page(web: &Web, visit: &Visit, next: &str, wrong: Option<&str>) -> Response {
    let body = html! {
        div.narrow {
            h1 { "Sign in" }
            p.lede { "What the farm builds is there for everybody. Sign in to stop builds, to try them again, and to see what is yours." }
            form.stacked method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                // Those who keep passwords ask whose it is.
                input type="text" name="name" value=(web.farm) autocomplete="username" hidden;
                label for="token" { "Token" }
                input #token type="password" name="token" required autocomplete="current-password" spellcheck="false"
                    aria-invalid=[wrong.map(|_| "true")] aria-describedby=[wrong.map(|_| "wrong")] autofocus;
                @if let Some(wrong) = wrong { p.wrong #wrong role="alert" { (wrong) } }
                button type="submit" { "Sign in" }
            }
            p.small { "The farm's operator gives tokens out. You stay signed in for 12 hours." }
        }
    };
    let frame = Frame {
        title: "Sign in",
        changes: false,
    };
    page(web, visit, frame, &body)
}

/// An address of this farm; the first page instead of any other.
fn safe(next: &str) -> &str {
    let own = next.starts_with('/')
        && !next.starts_with("//")
        && next
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if own { next } else { "/" }
}

/// Signs in.
pub(super) async fn login(
    web: State,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let form = Form::read(&body);
    let secure = own_page(&headers).ok_or_else(foreign)?;
    let next = safe(form.field("next"));
    let shown = Sha256::of(form.field("token").trim().as_bytes());
    let Some(token) = web.store.authenticate(shown, now()).await? else {
        let wrong = "The farm does not know this token, or it has ended.";
        let mut response = form_page(&web, &visit, next, Some(wrong));
        *response.status_mut() = StatusCode::FORBIDDEN;
        return Ok(response);
    };
    // A session that was there before is nobody's any more.
    if let Some(viewer) = &visit.viewer {
        web.store.end_session(digest(&viewer.secret)).await?;
    }
    let secret = draw();
    let end = Timestamp::from_seconds(now().seconds() + LASTS);
    web.store
        .begin_session(digest(&secret), &token, end, now())
        .await?;
    let mut response = see_other(next);
    set_cookie(&mut response, secure, &secret, LASTS);
    Ok(response)
}

/// 244 random bits.
fn draw() -> String {
    let half = || uuid::Uuid::new_v4().simple().to_string();
    format!("{}{}", half(), half())
}

/// Signs out.
pub(super) async fn logout(
    web: State,
    visit: Visit,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Fault> {
    let viewer = allow(&visit, &headers, &Form::read(&body))?;
    web.store.end_session(digest(&viewer.secret)).await?;
    let mut response = see_other("/");
    set_cookie(&mut response, own_page(&headers) == Some(true), "", 0);
    Ok(response)
}

fn set_cookie(response: &mut Response, secure: bool, secret: &str, lasts: i64) {
    let (name, more) = if secure {
        (COOKIES[0], "; Secure")
    } else {
        (COOKIES[1], "")
    };
    let text = format!("{name}={secret}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Strict{more}");
    if let Ok(value) = HeaderValue::from_str(&text) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn one_is_led_only_to_this_farm() {
        assert_eq!(safe("/builds/1?a=b"), "/builds/1?a=b");
        for elsewhere in [
            "",
            "https://e.org",
            "//e.org",
            "/\\e.org",
            "/a\r\nX: y",
            "javascript:x",
        ] {
            assert_eq!(safe(elsewhere), "/", "{elsewhere:?}");
        }
    }

    #[test]
    fn a_form_comes_from_the_farms_own_address() {
        let from = |origin| own_page(&headers(&[("host", "farm.org"), ("origin", origin)]));
        assert_eq!(from("https://farm.org"), Some(true));
        assert_eq!(from("http://FARM.org"), Some(false));
        for other in [
            "https://evil.org",
            "null",
            "https://farm.org.evil.org",
            "https://farm.org:8443",
        ] {
            assert_eq!(from(other), None, "{other}");
        }
        assert_eq!(own_page(&headers(&[("host", "farm.org")])), None);
    }

    #[test]
    fn the_cookie_that_nobody_else_can_set_comes_first() {
        let found = secrets(&headers(&[
            ("cookie", "a=b; plugfarm=old"),
            ("cookie", "__Host-plugfarm=new"),
        ]));
        assert_eq!(found, ["new", "old"]);
        assert!(secrets(&headers(&[("cookie", "plugfarm")])).is_empty());
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        assert_eq!(draw().len(), 64);
        assert_ne!(draw(), draw());
        assert_ne!(proof("a"), proof("b"));
    }
}
