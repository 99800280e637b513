internal import CanaryCore

/// A text of others as a chat room may show it: it calls nobody, and looks like nothing but text.
///
/// A release's name, a reason or an alert may hold whatever somebody typed; what a room takes for a
/// mention, a link or markup is taken from it here.
enum ChatText {
  /// For Slack, and what speaks its format, such as Mattermost and Discord.
  ///
  /// Slack reads its three marks as entities; `@here` is a mention where names are looked up.
  static func slack(_ text: String) -> String {
    mentionless(text).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;")
  }

  /// For WeCom, DingTalk and Feishu, whose plain texts know tags such as `<at …>` and `<@…>` but no
  /// entities: the wide twins of the marks look alike and mean nothing.
  static func plain(_ text: String) -> String {
    mentionless(text).replacing("<", with: "＜").replacing(">", with: "＞")
  }

  /// The text with a wide `@` where a mention could begin: not in `app@sha256:…`.
  private static func mentionless(_ text: String) -> String {
    var out = ""
    var before: Character = " "
    for character in text {
      let isInside = before.isLetter || before.isNumber
      out.append(character == "@" && !isInside ? "＠" : character)
      before = character
    }
    return out
  }
}
