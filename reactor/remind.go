package reactor

// Remind has Handler.Due called once, when a second of the clock has come, in Unix
// seconds: not before it, and no later than a quarter of Config.CloseTimeout after, as
// long as the loop gets to run. A new second takes the place of the last; 0 forgets it.
// It costs no timer: the sweep that looks for silent connections sees to it. Loop only.
func (c *Conn) Remind(second uint32) { c.due = second }

// remind calls the handler's Due. What is sent from it goes out when this turn ends.
func (c *Conn) remind() {
	c.due = 0
	defer c.contain()
	c.handler.Due(c)
}
