import CanaryAdapters
import TestSupport

// Shapes of Nginx with its Lua module, where the Nginx that is tested has it.
extension AdoptionShape {
  private static let app = "upstream app { server @APP; }"

  static let lua: [AdoptionShape] =
    Files.exists("\(Sandbox.modules)/ngx_http_lua_module.so") ? programs : []

  private static func lua(
    _ name: String, _ body: String, before: String = app, paths: [String] = [], pick: Int? = nil
  ) -> AdoptionShape {
    var shape = server(name, body, before: before, paths: paths, pick: pick)
    shape.main = """
      load_module @MODULES/ndk_http_module.so;
      load_module @MODULES/ngx_http_lua_module.so;
      """
    return shape
  }

  private static let programs: [AdoptionShape] = [
    lua(
      "Lua in each phase of the location",
      """
          location / {
            set_by_lua_block $kind { -- don't count { here
              local words = { "}", [[a"b}]], '{' }
              return ngx.req.get_method() .. #words
            }
            rewrite_by_lua_block { ngx.req.set_header("X-Lua", [==[ ]] } ]==]) }
            access_by_lua_block {
              if ngx.var.http_x_block then return ngx.exit(403) end
            }
            header_filter_by_lua_block { ngx.header["X-Kind"] = ngx.var.kind; ngx.header.content_length = nil }
            body_filter_by_lua_block { if ngx.arg[1] then ngx.arg[1] = ngx.arg[1]:upper() end }
            log_by_lua_block { local done = { ngx.var.status } }
            proxy_set_header X-Kind $kind;
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
      """),
    lua(
      "Lua before and beside it",
      """
          rewrite_by_lua_block { ngx.ctx.from = ngx.var.uri }
          location /hello {
            content_by_lua_block { ngx.say("hello {", ngx.var.uri) }
          }
          location / {
            access_by_lua_block {
              local part = ngx.location.capture("/part", { args = { a = "}" } })
              ngx.req.set_header("X-Part", part.status)
              if ngx.var.uri == "/gone" then return ngx.redirect("/a") end
              if ngx.var.uri == "/inside" then return ngx.exec("/hello") end
            }
            proxy_set_header Host $host;
            proxy_pass http://app;
          }
          location = /part { internal; proxy_pass http://@SECOND/part; }
      """, paths: ["/hello", "/gone", "/inside"], pick: 1),
  ]
}
