PRAGMA user_version=5;
BEGIN TRANSACTION;
CREATE TABLE comparison (
  service TEXT PRIMARY KEY,
  rollout INTEGER NOT NULL,
  state   TEXT NOT NULL
) STRICT;
CREATE TABLE entry (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  service TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  event   TEXT NOT NULL,
  weight  INTEGER,
  actor   TEXT NOT NULL,
  detail  TEXT
, origin TEXT, hash TEXT) STRICT;
INSERT INTO "entry" VALUES(1,'chat',0,1795722007078,'apply',NULL,'root','generation 1','host.example by python3','fa25583057955a5f82c267380862c5ca1120a970f071820afb28c33068224d2f');
INSERT INTO "entry" VALUES(2,'chat',1,1795722008310,'started',NULL,'root','release v1.1.0: left in the middle','host.example by python3','4c39285e798f4d67f646d83124179cf8cc92531d0638d31eb8f46b2f7f44100b');
INSERT INTO "entry" VALUES(3,'chat',1,1795722009034,'stage',5000,'canary','stage 1 of 2, generation 2',NULL,'c21a544efdeb770175165f0ab7a4f0a64b4bd797d81766692659b06a5d42fe6e');
INSERT INTO "entry" VALUES(4,'chat',1,1795722009039,'verdict',5000,'canary','health: pass: the server answers',NULL,'5a0a9b51ae56662a19aca161d683f3a9c4be73faf89fa44439593d3c0878bd79');
INSERT INTO "entry" VALUES(5,'chat',1,1795722009040,'verdict',5000,'canary','errors: inconclusive: no canary requests in 2ms',NULL,'a2fc0bd43419a8d64e6599060809cc2a8fb6ec6467f9aa379d749edffde8c36f');
INSERT INTO "entry" VALUES(6,'chat',1,1795722009639,'verdict',5000,'canary','errors: pass: 0% ≤ 5% over 28 requests',NULL,'7266c17647a7bbb6747010f145d4eccd2cb01b5d9b334be26d1ff3a57d74785c');
INSERT INTO "entry" VALUES(7,'chat',1,1795722010042,'verdict',5000,'canary','errors: inconclusive: 2 canary requests in 10s, 20 needed',NULL,'886f897923319e69bb3a087677534019e900c66f88b7f595e6021456a525ba24');
INSERT INTO "entry" VALUES(8,'chat',1,1795722010441,'verdict',5000,'canary','errors: pass: 0% ≤ 5% over 21 requests',NULL,'a19e7319f3d8ceec514c374f78ef33341a6df0da28cf1d83d9865ce39a060893');
CREATE TABLE freeze_of_all (
  freeze TEXT NOT NULL
) STRICT;
CREATE TABLE log_position (
  service    TEXT PRIMARY KEY,
  position   TEXT NOT NULL,
  unreadable INTEGER NOT NULL
) STRICT;
INSERT INTO "log_position" VALUES('chat','[{"device":65024,"inode":16255409,"offset":24388}]',0);
CREATE TABLE measurement (
  service TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  stage   INTEGER NOT NULL,
  name    TEXT NOT NULL,
  number  INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  before  TEXT NOT NULL,
  reading TEXT NOT NULL,
  verdict TEXT NOT NULL,
  PRIMARY KEY (service, rollout, stage, name, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "measurement" VALUES('chat',1,0,'errors',1,1795722009036,'{"advisory":false,"brokenCount":0,"detail":"","measurements":0,"name":"errors","verdict":"pending"}','{"nothing":{"_0":"no canary requests in 2ms"}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',2,1795722009237,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722009036,"measurements":1,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":8}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',3,1795722009437,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722009237,"measurements":2,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":18}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',4,1795722009639,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722009437,"measurements":3,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":28}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',5,1795722009840,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722009639,"measurements":4,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":38}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',6,1795722010040,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722009840,"measurements":5,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":2}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',7,1795722010240,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722010040,"measurements":6,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":11}}','inconclusive');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',8,1795722010441,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722010240,"measurements":7,"name":"errors","verdict":"inconclusive"}','{"value":{"_0":0,"requests":21}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',9,1795722010641,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722010441,"measurements":8,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":29}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'errors',10,1795722010842,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722010641,"measurements":9,"name":"errors","verdict":"pass"}','{"value":{"_0":0,"requests":39}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',1,1795722009037,'{"advisory":false,"brokenCount":0,"detail":"","measurements":0,"name":"health","verdict":"pending"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',2,1795722009541,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722009037,"measurements":1,"name":"health","verdict":"pass"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',3,1795722010063,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722009541,"measurements":2,"name":"health","verdict":"pass"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
INSERT INTO "measurement" VALUES('chat',1,0,'health',4,1795722010564,'{"advisory":false,"brokenCount":0,"detail":"","measuredAt":1795722010063,"measurements":3,"name":"health","verdict":"pass"}','{"answer":{"_0":true,"_1":"the server answers"}}','pass');
CREATE TABLE receiver (
  name   TEXT PRIMARY KEY,
  told   INTEGER NOT NULL,
  failed INTEGER
) STRICT;
CREATE TABLE rollout (
  service TEXT NOT NULL,
  number  INTEGER NOT NULL,
  record  TEXT NOT NULL,
  PRIMARY KEY (service, number)
) STRICT;
INSERT INTO "rollout" VALUES('chat',1,'{"actor":{"name":"root","origin":"host.example by python3","person":{"groups":["root"],"uids":[0],"users":["root"]}},"checks":[{"advisory":false,"brokenCount":0,"detail":"0% ≤ 5% over 21 requests","measuredAt":1795722010441,"measurements":8,"name":"errors","totals":{"changes":4,"error":0,"fail":0,"inconclusive":5,"least":0,"most":0,"pass":3,"pending":0,"sum":0,"values":7},"value":0,"verdict":"pass"},{"advisory":false,"brokenCount":0,"detail":"the server answers","measuredAt":1795722010063,"measurements":3,"name":"health","totals":{"changes":1,"error":0,"fail":0,"inconclusive":0,"least":1,"most":1,"pass":3,"pending":0,"sum":3,"values":3},"value":1,"verdict":"pass"}],"from":"blue","number":1,"phase":{"soaking":{"_0":{"advanced":false,"began":1795722009034,"seen":1795722010441,"served":1407,"stage":0}}},"plan":{"checks":[{"advisory":false,"condition":{"max":0.05},"every":200,"failures":1,"lasting":0,"minRequests":20,"name":"errors","source":{"metric":{"_0":"error_rate"}},"timeout":5000,"warmup":0,"window":10000},{"advisory":false,"condition":{},"every":500,"failures":3,"lasting":0,"minRequests":0,"name":"health","source":{"probe":{"path":"\/health"}},"timeout":5000,"warmup":0,"window":60000}],"name":"chat","ready":{"path":"\/health","times":3,"within":30000},"stages":[{"deadline":604000,"onDeadline":"revert","soak":4000,"weight":5000},{"deadline":601000,"onDeadline":"revert","soak":1000,"weight":10000}]},"reached":0,"reason":"left in the middle","release":"v1.1.0","retain":86400000,"started":1795722008310,"to":"green"}');
CREATE TABLE service (
  name     TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  state    TEXT NOT NULL
, wake INTEGER) STRICT;
INSERT INTO "service" VALUES('chat',14,'{"generation":2,"other":"green","rollout":{"actor":{"name":"root","origin":"host.example by python3","person":{"groups":["root"],"uids":[0],"users":["root"]}},"checks":[{"advisory":false,"brokenCount":0,"detail":"0% ≤ 5% over 39 requests","measuredAt":1795722010842,"measurements":10,"name":"errors","totals":{"changes":4,"error":0,"fail":0,"inconclusive":5,"least":0,"most":0,"pass":5,"pending":0,"sum":0,"values":9},"value":0,"verdict":"pass"},{"advisory":false,"brokenCount":0,"detail":"the server answers","measuredAt":1795722010564,"measurements":4,"name":"health","totals":{"changes":1,"error":0,"fail":0,"inconclusive":0,"least":1,"most":1,"pass":4,"pending":0,"sum":4,"values":4},"value":1,"verdict":"pass"}],"from":"blue","number":1,"phase":{"soaking":{"_0":{"advanced":false,"began":1795722009034,"seen":1795722011042,"served":2008,"stage":0}}},"plan":{"checks":[{"advisory":false,"condition":{"max":0.05},"every":200,"failures":1,"lasting":0,"minRequests":20,"name":"errors","source":{"metric":{"_0":"error_rate"}},"timeout":5000,"warmup":0,"window":10000},{"advisory":false,"condition":{},"every":500,"failures":3,"lasting":0,"minRequests":0,"name":"health","source":{"probe":{"path":"\/health"}},"timeout":5000,"warmup":0,"window":60000}],"name":"chat","ready":{"path":"\/health","times":3,"within":30000},"stages":[{"deadline":604000,"onDeadline":"revert","soak":4000,"weight":5000},{"deadline":601000,"onDeadline":"revert","soak":1000,"weight":10000}]},"reached":0,"reason":"left in the middle","release":"v1.1.0","retain":86400000,"started":1795722008310,"to":"green"},"service":"chat","serving":{"generation":2,"routing":{"audience":{"preview":true,"salt":"1.1795722008310","span":87605000},"brake":"blue","canary":"green","fallback":true,"stable":"blue","weight":5000}},"stable":"blue"}',0);
CREATE TABLE slice (
  service  TEXT NOT NULL,
  second   INTEGER NOT NULL,
  pool     TEXT NOT NULL,
  requests INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  aborted  INTEGER NOT NULL,
  latency  BLOB NOT NULL, hurt INTEGER,
  PRIMARY KEY (service, second, pool)
) STRICT, WITHOUT ROWID;
INSERT INTO "slice" VALUES('chat',1795722008,'blue',66,0,0,X'0035010A0103',0);
INSERT INTO "slice" VALUES('chat',1795722009,'blue',45,0,0,X'001C010F0702',0);
INSERT INTO "slice" VALUES('chat',1795722009,'green',45,0,0,X'0020010B0702',0);
INSERT INTO "slice" VALUES('chat',1795722010,'blue',47,0,0,X'00260109',0);
INSERT INTO "slice" VALUES('chat',1795722010,'green',47,0,0,X'002A0105',0);
INSERT INTO "slice" VALUES('chat',1795722011,'blue',2,0,0,X'0002',0);
INSERT INTO "slice" VALUES('chat',1795722011,'green',2,0,0,X'0002',0);
CREATE TABLE total (
  service TEXT NOT NULL,
  rollout INTEGER NOT NULL,
  stage   INTEGER NOT NULL,
  name    TEXT NOT NULL,
  state   TEXT NOT NULL,
  PRIMARY KEY (service, rollout, stage, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_of_rollout ON entry (service, rollout, id);
CREATE TRIGGER entry_stays BEFORE UPDATE ON entry
  BEGIN SELECT raise(ABORT, 'the history is append-only'); END;
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
  BEGIN SELECT raise(ABORT, 'the history is append-only'); END;
CREATE INDEX entry_by_time ON entry (time);
CREATE INDEX service_by_wake ON service (wake) WHERE wake IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('entry',8);
COMMIT;
