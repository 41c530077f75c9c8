# Writes baujat_radial.json: metafor's baujat() and radial() of the BCG trials, tau2 searched to rounding.
# Rscript tests/golden/baujat_radial.R > tests/golden/baujat_radial.json
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
pdf(NULL)
dat <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
tight <- list(threshold = 1e-14, maxiter = 10000)
fits <- list(
  REML = rma(yi, vi, data = dat, control = tight),
  DL = rma(yi, vi, data = dat, method = "DL"),
  common = rma(yi, vi, data = dat, method = "EE"),
  regression = rma(yi, vi, mods = ~ ablat, data = dat, control = tight)
)
numbers <- function(fit) {
  b <- baujat(fit)
  found <- list(tau2 = fit$tau2, x = b$x, y = b$y)
  if (fit$p == 1) {
    r <- radial(fit)
    found$precision <- r$x
    found$score <- r$y
  }
  found
}
cat(toJSON(list(
  about = "metafor baujat() (x, y) and radial() (x: precision, y: score) of dat.bcg, measure RR",
  versions = list(R = as.character(getRversion()), metafor = as.character(packageVersion("metafor"))),
  data = as.list(dat[c("tpos", "tneg", "cpos", "cneg", "ablat")]),
  fits = lapply(fits, numbers)
), digits = I(16), auto_unbox = TRUE), "\n")
