-- SPDX-License-Identifier: GPL-2.0
-- For sysbench: read all rows and all of the secondary index once.
require("oltp_common")

function thread_init()
	con = sysbench.sql.driver():connect()
end

function event()
	con:query("SELECT COUNT(*), SUM(LENGTH(pad)) FROM sbtest1 FORCE INDEX (PRIMARY)")
	con:query("SELECT COUNT(*), SUM(k) FROM sbtest1 FORCE INDEX (k_1)")
end

function thread_done()
	con:disconnect()
end
