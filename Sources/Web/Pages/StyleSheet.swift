import Hummingbird
import NIOCore

/// The style of all pages.
enum StyleSheet {
    static let path = "/style.css"

    static var response: Response {
        Response(
            status: .ok, headers: [.contentType: "text/css; charset=utf-8", .cacheControl: "max-age=3600"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    static let text = """
        :root {
          color-scheme: light dark;
          --ground: light-dark(#f4f6f8, #14181d); --panel: light-dark(#ffffff, #1d2329);
          --text: light-dark(#1b2127, #e6eaee); --quiet: light-dark(#5a6672, #9aa7b4);
          --line: light-dark(#d5dce3, #36404a); --accent: light-dark(#0a62a8, #6db6f2);
          --on-accent: light-dark(#ffffff, #0c1a26); --danger: light-dark(#b3261e, #ff8a80);
          --good: light-dark(#1b6e3c, #7fd6a2);
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.55 system-ui, sans-serif; }
        .skip { position: absolute; left: -99rem; }
        .skip:focus { left: .5rem; top: .5rem; background: var(--panel); padding: .5rem; z-index: 1; }
        header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.5rem; padding: .75rem 1.25rem;
          background: var(--panel); border-bottom: 1px solid var(--line); }
        header nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; flex: 1; }
        .brand { font-weight: 650; color: var(--text); text-decoration: none; }
        .who { display: flex; align-items: center; gap: .75rem; margin: 0; }
        .who span { overflow-wrap: anywhere; }
        main { max-width: 34rem; margin: 2rem auto; padding: 1.5rem 1.75rem 1.75rem; background: var(--panel);
          border: 1px solid var(--line); border-radius: .75rem; outline: 0; overflow-wrap: break-word; }
        /* Names run in their own direction, and turn nothing round that stands beside them. */
        strong, dd, .who span { unicode-bidi: plaintext; }
        h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
        h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
        section { margin-top: 1.75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
        h1 + section { margin-top: 0; padding-top: 0; border-top: 0; }
        p { margin: .5rem 0; }
        a { color: var(--accent); }
        code { font-size: .9em; overflow-wrap: anywhere; }
        label { display: block; font-weight: 600; margin-top: .9rem; }
        input { width: 100%; font: inherit; color: inherit; background: var(--ground); padding: .55rem .7rem;
          border: 1px solid var(--quiet); border-radius: .4rem; margin-top: .25rem; }
        input[type=file] { border-style: dashed; }
        button, .button { display: inline-block; font: inherit; font-weight: 600; cursor: pointer; text-decoration: none;
          color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .4rem;
          padding: .5rem 1.1rem; margin-top: 1rem; }
        .quiet { color: var(--accent); background: transparent; border-color: var(--line); }
        .danger { color: var(--danger); background: transparent; border-color: var(--danger); }
        .who button, .list button, .list .button { margin: 0; padding: .3rem .8rem; }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        .choice { display: flex; flex-wrap: wrap; gap: .75rem; }
        progress { width: 100%; accent-color: var(--accent); }
        .note { color: var(--quiet); font-size: .9rem; margin: .35rem 0; }
        .problem, .done { padding: .6rem .8rem; border-left: 4px solid var(--danger); background: var(--ground); }
        .done { border-color: var(--good); }
        .badge { font-size: .8rem; color: var(--good); border: 1px solid currentColor; border-radius: 1rem;
          padding: 0 .5rem; white-space: nowrap; }
        .list, .tiles { list-style: none; padding: 0; margin: 0; }
        .list li { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .5rem 1rem;
          padding: .75rem 0; }
        .list li > div { flex: 1 1 14rem; min-width: 0; }
        .list li + li { border-top: 1px solid var(--line); }
        .list form { margin: 0; }
        .tiles { display: grid; gap: .75rem; }
        .tiles a { display: block; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; font-weight: 600;
          text-decoration: none; }
        .tiles a:hover { border-color: var(--accent); }
        .rights li { margin: .25rem 0; }
        .photo { display: block; width: 6rem; height: 6rem; object-fit: cover; border-radius: .5rem; margin-top: 1rem; }
        .code { font-family: ui-monospace, monospace; font-size: 1.3rem; letter-spacing: .15em; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: 0; }
        dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
        @media (max-width: 36rem) { main { margin: 0; border: 0; border-radius: 0; } header { padding: .75rem 1rem; } }
        """
}
